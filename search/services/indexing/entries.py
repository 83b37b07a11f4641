"""Entries of the index: made of what is known of posts now."""

from collections.abc import Sequence
from typing import Any, Final
from unicodedata import normalize
from uuid import UUID

from search.index.entry import Entry
from search.models import SearchDocument
from search.payload import payload_of
from search.russian import is_russian
from search.sources import IndexedPost
from vision.policy.language import detect

LANGUAGE_CHARS: Final = 500
"""Enough to tell the language of a post, and the time is that of the characters."""


def entries_of(
    found: Sequence[IndexedPost], *, with_payload: bool = False, afresh: bool = False
) -> list[Entry]:
    """
    Build the entries, without vectors; payloads only where they are read.

    `afresh` takes nothing from the index, not even a language: what is compared with it must not
    come out of it.
    """
    languages = {} if afresh else _known_languages([one.post.pk for one in found])
    return [
        _entry(one, _language(one, languages), payload_of(one) if with_payload else {})
        for one in found
    ]


def _entry(one: IndexedPost, lang: str, payload: dict[str, Any]) -> Entry:
    post = one.post
    return Entry(
        post_id=post.pk,
        tenant_id=post.tenant_id,
        channel_id=post.channel_id,
        album_id=one.album_id,
        posted_at=post.posted_at,
        document=one.document,
        has=tuple(one.has),
        lang=lang,
        sender=normalize("NFC", post.post_author),
        is_meme=one.is_meme,
        classification=one.classification,
        payload=payload,
    )


def _language(one: IndexedPost, languages: dict[tuple[UUID, str], str]) -> str:
    """
    The language of the text as it is written, which ё tells, and letters of a typeface hide.

    The hash is of the text as it is searched: of one that was edited it may be the same.
    """
    known = languages.get((one.post.pk, one.document.document_hash))
    if known is not None and not one.post.revision:
        return known
    return _told(one.post.content[:LANGUAGE_CHARS])


def _told(text: str) -> str:
    return "ru" if is_russian(text) else detect(text) or ""


def _known_languages(post_ids: Sequence[UUID]) -> dict[tuple[UUID, str], str]:
    """Languages by post and hash of its document: telling one takes longer than all the rest."""
    rows = SearchDocument.objects.filter(pk__in=post_ids)
    return {
        (pk, document_hash): lang
        for pk, document_hash, lang in rows.values_list("pk", "document_hash", "lang")
    }
