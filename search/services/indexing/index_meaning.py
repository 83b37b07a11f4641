"""Writing the vectors of posts: the meaning by which they are found."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from events.postgresql.advisory_locks import in_turn
from search import sources
from search.embeddings import chosen
from search.embeddings.port import Encoder, EncoderUnavailable
from search.index.postgresql.vectors import kept_vectors, vector_index, vector_table, waiting
from search.models import EmbeddingModel
from search.services.meaning import models_in_use
from search.services.meaning.encode_posts import EncodedTexts, encode
from search.sources import IndexedPost

logger = logging.getLogger(__name__)

TURN = "search.vectors"


def index_meaning(post_ids: Sequence[UUID], *, seconds: float | None = None) -> int:
    """
    Give these posts the vectors of their present texts; returns how many texts were encoded.

    Encoding takes the time, so no transaction is open meanwhile. Afterwards a vector is written
    only if the text is still the one that was encoded: the event of a later edit brings the other.
    While another model serves, its vectors are kept up to date as well, as far as it answers.
    Each model is given `seconds` at most, where that is given. Raises VectorsUnavailable, and
    EncoderUnavailable when what was encoded before is written.
    """
    vector_table.require()
    wanted, now = chosen.encoder(), timezone.now()
    models_in_use.adopt_first(wanted, now=now)
    done = _bring_up(post_ids, wanted, now=now, seconds=seconds)
    if (old := models_in_use.predecessor_of(wanted)) is not None:
        _bring_up_former(post_ids, old, now=now, seconds=seconds)
    if done.failure is not None:
        raise done.failure
    return done.encoded


def _bring_up(
    post_ids: Sequence[UUID], encoder: Encoder, *, now: datetime, seconds: float | None
) -> EncodedTexts:
    without = _without_vector(post_ids, encoder.name)
    done = encode(without, encoder, now=now, seconds=seconds)
    hashes = {one.post.pk: one.document.text_hash for one in without}
    _write(post_ids, hashes, done.vectors, encoder.name)
    return done


def _bring_up_former(
    post_ids: Sequence[UUID], old: EmbeddingModel, *, now: datetime, seconds: float | None
) -> None:
    """A post is not found by a text that it had, so a vector that cannot be renewed is removed."""
    try:
        encoder = chosen.former(old.name, old.specification)
        failure = _bring_up(post_ids, encoder, now=now, seconds=seconds).failure
    except EncoderUnavailable as error:
        failure = error
    if failure is not None:
        logger.warning("New posts have no vector of the model that serves: %s", failure)
        _remove_outdated(post_ids, old.name)


def _without_vector(post_ids: Sequence[UUID], model: str) -> list[IndexedPost]:
    hashes = _hashes(post_ids, model)
    found = sources.read(post_ids)
    return [one for one in found if one.document.text_hash != hashes.get(one.post.pk)]


def _hashes(post_ids: Sequence[UUID], model: str) -> dict[UUID, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.post_id, v.text_hash FROM search_vectors v JOIN posts p"
            " ON p.id = v.post_id AND p.tenant_id = v.tenant_id"
            " WHERE v.model = %s AND v.post_id = ANY(%s)",
            [model, list(post_ids)],
        )
        return dict(cursor.fetchall())


def _write(
    post_ids: Sequence[UUID], hashes: Mapping[UUID, str], vectors: Mapping[str, str], model: str
) -> None:
    with transaction.atomic():
        in_turn(TURN)  # who reads later writes later, so nothing newer is overwritten
        if some := next(filter(None, vectors.values()), ""):
            # Before any row is locked: who deletes posts locks the table first, then such rows.
            vector_index.create_index(model, some.count(",") + 1)
        waited = waiting.lock(post_ids)
        present = [
            one
            for one in sources.read(_held(list(hashes)))
            if one.document.text_hash == hashes[one.post.pk]
        ]
        _insert([one for one in present if vectors.get(one.document.text_hash)], vectors, model)
        _remove([one.post.pk for one in present if not one.document.passage])
        if model == chosen.encoder().name:
            still = set(hashes) - {one.post.pk for one in present if _is_done(one, vectors)}
            waiting.remove(waited - still)


def _held(post_ids: Sequence[UUID]) -> list[UUID]:
    """
    Those of the posts that nobody deletes until the transaction ends, when a trigger finds their vectors.

    One that somebody is deleting is left out, and not waited for: it may wait for others of them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM posts WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE SKIP LOCKED",
            [list(post_ids)],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _is_done(one: IndexedPost, vectors: Mapping[str, str]) -> bool:
    return not one.document.passage or one.document.text_hash in vectors


def _insert(posts: Sequence[IndexedPost], vectors: Mapping[str, str], model: str) -> None:
    if not posts:
        return
    hashes = [one.document.text_hash for one in posts]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO search_vectors (post_id, model, tenant_id, text_hash, vector)"
            " SELECT post_id, %s, tenant_id, text_hash, vector::halfvec"
            " FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[])"
            " AS new (post_id, tenant_id, text_hash, vector)"
            " ON CONFLICT (post_id, model) DO UPDATE"
            " SET tenant_id = excluded.tenant_id, text_hash = excluded.text_hash,"
            " vector = excluded.vector WHERE (search_vectors.text_hash, search_vectors.tenant_id)"
            " <> (excluded.text_hash, excluded.tenant_id)",
            [
                model,
                [one.post.pk for one in posts],
                [one.post.tenant_id for one in posts],
                hashes,
                [vectors[text_hash] for text_hash in hashes],
            ],
        )
    kept_vectors.release(hashes, model)


def _remove(post_ids: Sequence[UUID]) -> None:
    if post_ids:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM search_vectors WHERE post_id = ANY(%s)", [list(post_ids)])


def _remove_outdated(post_ids: Sequence[UUID], model: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        in_turn(TURN)
        present = {one.post.pk: one.document.text_hash for one in sources.read(post_ids)}
        cursor.execute(
            "DELETE FROM search_vectors USING unnest(%s::uuid[], %s::text[]) AS now (id, hash)"
            " WHERE model = %s AND post_id = now.id AND text_hash <> now.hash",
            [list(present), list(present.values()), model],
        )
