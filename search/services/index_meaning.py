"""Writing the vectors of posts: the meaning by which they are found."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection, transaction

from events.postgresql.advisory_locks import in_turn
from search import sources
from search.documents import Document
from search.embeddings.chosen import encoder
from search.embeddings.port import Encoder
from search.index.postgresql import vector_table

TURN = "search.vectors"


def index_meaning(post_ids: Sequence[UUID]) -> int:
    """
    Give these posts the vectors of their present texts; returns how many texts were encoded.

    Encoding takes the time, so no transaction is open meanwhile. Afterwards a vector is written
    only if the text is still the one that was encoded: the event of a later edit brings the other.
    Raises VectorsUnavailable and EncoderUnavailable.
    """
    vector_table.require()
    with_what = encoder()
    wanted = _without_vector(post_ids, with_what.name)
    known = _known(list(wanted.values()), with_what.name)
    texts = {
        d.text_hash: d.passage for d in wanted.values() if d.passage and d.text_hash not in known
    }
    fresh = with_what.encode_passages(list(texts.values())) if texts else []
    vectors = known | {
        text_hash: vector_table.as_text(vector)
        for text_hash, vector in zip(texts, fresh, strict=True)
    }
    _write({post: d.text_hash for post, d in wanted.items()}, vectors, with_what)
    return len(texts)


def _without_vector(post_ids: Sequence[UUID], model: str) -> dict[UUID, Document]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT post_id, text_hash FROM search_vectors WHERE model = %s AND post_id = ANY(%s)",
            [model, list(post_ids)],
        )
        hashes = dict(cursor.fetchall())
    found = {one.post.pk: one.document for one in sources.read(post_ids)}
    return {pk: document for pk, document in found.items() if document.text_hash != hashes.get(pk)}


def _known(documents: Sequence[Document], model: str) -> dict[str, str]:
    """Vectors of the same texts in other posts."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (text_hash) text_hash, vector::text FROM search_vectors"
            " WHERE model = %s AND text_hash = ANY(%s)",
            [model, [document.text_hash for document in documents]],
        )
        return dict(cursor.fetchall())


def _write(hashes: dict[UUID, str], vectors: dict[str, str], by: Encoder) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        in_turn(TURN)  # who reads later writes later, so nothing newer is overwritten
        rows = [
            (one.post.pk, by.name, one.post.tenant_id, one.document.text_hash, one.document.passage)
            for one in sources.read(list(hashes))
            if one.document.text_hash == hashes[one.post.pk]
        ]
        empty = [row[0] for row in rows if not row[-1]]
        cursor.execute("DELETE FROM search_vectors WHERE post_id = ANY(%s)", [empty])
        vector_table.create_index(by.name, by.dimension)
        cursor.executemany(
            "INSERT INTO search_vectors (post_id, model, tenant_id, text_hash, vector)"
            " VALUES (%s, %s, %s, %s, %s::halfvec) ON CONFLICT (post_id, model) DO UPDATE"
            " SET text_hash = excluded.text_hash, vector = excluded.vector",
            [(*row[:-1], vectors[row[3]]) for row in rows if row[-1]],
        )
