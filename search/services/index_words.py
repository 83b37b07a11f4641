"""Writing the documents of posts: the words by which they are found."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from events.postgresql.advisory_locks import in_turn
from search import sources
from search.embeddings import chosen
from search.index.postgresql import vector_table, waiting
from search.models import SearchDocument
from search.russian import is_russian
from search.services.announce import announce
from search.sources import IndexedPost
from vision.policy.language import detect

TURN: Final = "search.documents"
LANGUAGE_CHARS: Final = 500
"""Enough to tell the language of a post, and the time is that of the characters."""
_COLUMNS = (
    "post_id", "tenant_id", "channel_id", "album_id", "posted_at", "tags", "has", "lang", "sender",
    "is_meme", "classification", "document_hash", "text_hash",
)  # fmt: skip
_TYPES = (
    "post_id uuid, tenant_id uuid, channel_id uuid, album_id bigint, posted_at timestamptz,"
    " tags text[], has text[], lang text, sender text, is_meme boolean, classification text,"
    " document_hash text, text_hash text, words text, caption text, pictures text, others text, files text"
)
_VECTOR = " || ".join(
    f"setweight(to_tsvector('russian', {column}), '{weight}')"
    for column, weight in (
        ("words", "A"),
        ("caption", "B"),
        ("pictures", "C"),
        ("others", "D"),
        ("files", "C"),
    )
)
_CHANGED = " OR ".join(
    f"search_documents.{name} IS DISTINCT FROM excluded.{name}" for name in _COLUMNS[1:]
)
_UPSERT = (
    f"INSERT INTO search_documents ({', '.join(_COLUMNS)}, words, indexed_at)"  # noqa: S608 - constants
    f" SELECT {', '.join(_COLUMNS)}, {_VECTOR}, %s FROM jsonb_to_recordset(%s::jsonb) AS row ({_TYPES})"
    " ON CONFLICT (post_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in (*_COLUMNS[1:], "words", "indexed_at"))
    + f" WHERE {_CHANGED} RETURNING post_id"
)


def index_words(post_ids: Sequence[UUID], *, now: datetime) -> int:
    """
    Bring the documents of these posts up to date; returns how many changed.

    Reads what is true now, whatever event asked for it. One writer at a time, and each reads after
    its turn has come: what is written last was read last, so nothing newer is ever overwritten.
    """
    with transaction.atomic():
        in_turn(TURN)
        found = list(sources.read(post_ids))
        _forget_missing(post_ids, found)
        languages = _known_languages(post_ids)
        rows = [_row(one, languages) for one in found]
        with connection.cursor() as cursor:
            cursor.execute(_UPSERT, [now, json.dumps(rows, ensure_ascii=False)])
            changed = {pk for (pk,) in cursor.fetchall()}
        _let_wait(changed, now=now)
        announce(found, rows, changed, now=now)
        return len(changed)


def _let_wait(changed: Collection[UUID], *, now: datetime) -> None:
    """For their vectors, which are written by another queue."""
    if changed and chosen.configured() and vector_table.exists():
        waiting.add(list(changed), chosen.encoder().name, now=now)


def _forget_missing(post_ids: Sequence[UUID], found: Sequence[IndexedPost]) -> None:
    missing = set(post_ids) - {one.post.pk for one in found}
    if missing:  # a deleted post takes its document with it; this is for a restored archive
        SearchDocument.objects.filter(pk__in=missing).delete()


def _known_languages(post_ids: Sequence[UUID]) -> dict[tuple[UUID, str], str]:
    """Languages by post and hash of its document: telling one takes longer than all the rest."""
    rows = SearchDocument.objects.filter(pk__in=post_ids)
    return {
        (pk, document_hash): lang
        for pk, document_hash, lang in rows.values_list("pk", "document_hash", "lang")
    }


def _language(text: str) -> str:
    return "ru" if is_russian(text) else detect(text) or ""


def _row(one: IndexedPost, languages: dict[tuple[UUID, str], str]) -> dict[str, Any]:
    post, document = one.post, one.document
    known = languages.get((post.pk, document.document_hash))
    return {
        "post_id": str(post.pk),
        "tenant_id": str(post.tenant_id),
        "channel_id": str(post.channel_id),
        "album_id": one.album_id,
        "posted_at": post.posted_at.isoformat(),
        "tags": list(document.tags),
        "has": one.has,
        "lang": known if known is not None else _language(post.content[:LANGUAGE_CHARS]),
        "sender": post.post_author,
        "is_meme": one.is_meme,
        "classification": one.classification,
        "document_hash": document.document_hash,
        "text_hash": document.text_hash,
        "words": document.words,
        "caption": document.caption,
        "pictures": document.pictures,
        "others": document.others,
        "files": document.files,
    }
