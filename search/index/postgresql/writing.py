"""Writing documents and vectors of posts, and reading what is written."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import TextField
from django.db.models.functions import MD5, Cast

from search.index.entry import Entry, Space, fingerprint, moment
from search.index.postgresql.vectors import vector_index, vector_table
from search.models import SearchDocument

_COLUMNS = (
    "post_id", "tenant_id", "channel_id", "album_id", "posted_at", "tags", "has", "lang", "sender",
    "is_meme", "classification", "document_hash", "text_hash",
)  # fmt: skip
_TYPES = (
    "post_id uuid, tenant_id uuid, channel_id uuid, album_id bigint, posted_at timestamptz,"
    " tags text[], has text[], lang text, sender text, is_meme boolean, classification text,"
    " document_hash text, text_hash text, words text, caption text, pictures text, others text, emoji text, files text"
)
LEXEMES = "strip(to_tsvector('simple', emoji)) || " + " || ".join(
    f"setweight(to_tsvector('russian', {column}), '{weight}')"
    for column, weight in (
        ("words", "A"),
        ("caption", "B"),
        ("pictures", "C"),
        ("others", "D"),
        ("files", "C"),
    )
)
"""
The tsvector of a document's texts, which are columns. Emoji have no places: the rank of words, which
falls with the length of a document, leaves them out.
"""
_LEXEMES_STORED = MD5(Cast("words", TextField()))
_CHANGED = " OR ".join(
    f"search_documents.{name} IS DISTINCT FROM excluded.{name}" for name in (*_COLUMNS[1:], "words")
)
_UPSERT = (
    f"INSERT INTO search_documents ({', '.join(_COLUMNS)}, words, indexed_at)"  # noqa: S608 - constants
    f" SELECT {', '.join(_COLUMNS)}, {LEXEMES}, %s FROM jsonb_to_recordset(%s::jsonb) AS row ({_TYPES})"
    " ON CONFLICT (post_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in (*_COLUMNS[1:], "words", "indexed_at"))
    + f" WHERE {_CHANGED} RETURNING post_id"
)
_UPSERT_VECTOR = (
    "INSERT INTO search_vectors (post_id, model, tenant_id, text_hash, vector)"
    " VALUES (%s, %s, %s, %s, %s::halfvec) ON CONFLICT (post_id, model) DO UPDATE"
    " SET tenant_id = excluded.tenant_id, text_hash = excluded.text_hash, vector = excluded.vector"
    " WHERE (search_vectors.text_hash, search_vectors.tenant_id)"
    " <> (excluded.text_hash, excluded.tenant_id)"
)


def upsert_documents(entries: Sequence[Entry], *, now: datetime) -> set[UUID]:
    """Write the documents that differ by one statement; returns the posts of those that did."""
    rows = json.dumps([row(entry) for entry in entries], ensure_ascii=False)
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [now, rows])
        return {post_id for (post_id,) in cursor.fetchall()}


def upsert_vectors(entries: Sequence[Entry]) -> None:
    """Write the vectors that there are, and forget those of posts without a text."""
    vector_table.require()
    given = [entry for entry in entries if entry.space and entry.vector is not None]
    for space in {entry.space for entry in given if entry.space}:
        vector_index.create_index(space.model, space.dimension)
    empty = [entry.post_id for entry in entries if not entry.document.passage]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM search_vectors WHERE post_id = ANY(%s)", [empty])
        cursor.executemany(_UPSERT_VECTOR, [_vector_row(entry) for entry in given])


def known_vectors(hashes: Sequence[str], model: str) -> dict[str, list[float]]:
    """Vectors of these texts, of whichever posts; by hash."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (text_hash) text_hash, vector::text FROM search_vectors"
            " WHERE model = %s AND text_hash = ANY(%s)",
            [model, list(hashes)],
        )
        return {text_hash: json.loads(vector) for text_hash, vector in cursor.fetchall()}


_EXPECTED = (
    f"SELECT post_id, md5(({LEXEMES})::text) FROM jsonb_to_recordset(%s::jsonb) AS row ({_TYPES})"  # noqa: S608 - constants
)


def expected(entries: Sequence[Entry], space: Space | None) -> dict[UUID, str]:
    """Fingerprints of rows as they should be, with the lexemes that their texts have now."""
    rows = json.dumps([row(entry) for entry in entries], ensure_ascii=False)
    with connection.cursor() as cursor:
        cursor.execute(_EXPECTED, [rows])
        lexemes: dict[UUID, str] = dict(cursor.fetchall())
    return {
        entry.post_id: fingerprint(
            entry.row(),
            lexemes[entry.post_id],
            entry.document.text_hash if space and entry.document.passage else "",
        )
        for entry in entries
    }


def fingerprints(post_ids: Sequence[UUID], space: Space | None) -> dict[UUID, str]:
    """Fingerprints of the rows that there are, lexemes included; of vectors, what text they are of."""
    columns = (
        "pk", "tenant_id", "channel_id", "album_id", "posted_at", "tags", "has", "lang", "sender",
        "is_meme", "classification", "document_hash",
    )  # fmt: skip
    rows = SearchDocument.objects.filter(pk__in=post_ids).values_list(*columns, _LEXEMES_STORED)
    hashes = _text_hashes(post_ids, space.model) if space else {}
    return {
        pk: fingerprint(
            [str(tenant), str(channel), album, moment(posted_at), *rest],
            lexemes,
            hashes.get(pk, ""),
        )
        for pk, tenant, channel, album, posted_at, *rest, lexemes in rows
    }


def _text_hashes(post_ids: Sequence[UUID], model: str) -> Mapping[UUID, str]:
    """The text hashes of the vectors that are found: one of another tenant than its post is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.post_id, v.text_hash FROM search_vectors v JOIN search_documents d"
            " ON d.post_id = v.post_id AND d.tenant_id = v.tenant_id"
            " WHERE v.model = %s AND v.post_id = ANY(%s)",
            [model, list(post_ids)],
        )
        return dict(cursor.fetchall())


def _vector_row(entry: Entry) -> tuple[Any, ...]:
    vector = vector_table.as_text(entry.vector or ())
    model = entry.space.model if entry.space else ""
    return entry.post_id, model, entry.tenant_id, entry.text_hash, vector


def row(entry: Entry) -> dict[str, Any]:
    """The document of an entry as JSON: what is written, with its texts."""
    document = entry.document
    return {
        "post_id": str(entry.post_id),
        "tenant_id": str(entry.tenant_id),
        "channel_id": str(entry.channel_id),
        "album_id": entry.album_id,
        "posted_at": entry.posted_at.isoformat(),
        "tags": list(document.tags),
        "has": list(entry.has),
        "lang": entry.lang,
        "sender": entry.sender,
        "is_meme": entry.is_meme,
        "classification": entry.classification,
        "document_hash": document.document_hash,
        "text_hash": document.text_hash,
        "words": document.words,
        "caption": document.caption,
        "pictures": document.pictures,
        "others": document.others,
        "emoji": document.emoji,
        "files": document.files,
    }
