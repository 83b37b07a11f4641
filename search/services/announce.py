"""`posts.indexed`: that a post can be found as it is now."""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from events.outbox.publishing import publish_many
from events.schemas import PostIndexedEventV1
from search.documents import NO_TEXT
from search.sources import IndexedPost

Row = dict[str, Any]
_TEXTS: Final = frozenset({"words", "caption", "pictures", "others", "files"})


def announce(
    found: Sequence[IndexedPost], rows: Sequence[Row], changed: Collection[UUID], *, now: datetime
) -> None:
    """
    Publish an event for each changed document, in the transaction that writes it.

    `rows` are those of `found`. The same version again, as after an index was deleted and built anew, is
    no news; the outbox knows its key as long as it keeps events.
    """
    publish_many(
        [
            _event(one, row, now=now)
            for one, row in zip(found, rows, strict=True)
            if one.post.pk in changed
        ]
    )


def _event(one: IndexedPost, row: Row, *, now: datetime) -> PostIndexedEventV1:
    post, document = one.post, one.document
    return PostIndexedEventV1(
        tenant_id=str(post.tenant_id),
        idempotency_key=f"{post.pk}:indexed:{_version(one, row)}",
        post_id=str(post.pk),
        channel_id=str(post.channel_id),
        vector_id=None if row["text_hash"] == NO_TEXT else str(post.pk),
        document_hash=document.document_hash,
        indexed_at=now,
    )


def _version(one: IndexedPost, row: Row) -> str:
    # The texts are in the hash of the document.
    rest = {name: value for name, value in row.items() if name not in _TEXTS}
    made_of = json.dumps([one.versions, rest], sort_keys=True, default=str)
    return hashlib.sha256(made_of.encode("utf-8", "surrogatepass")).hexdigest()[:24]
