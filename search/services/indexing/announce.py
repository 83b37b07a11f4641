"""`posts.indexed`: that a post can be found as it is now."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID

from events.outbox.publishing import publish_many
from events.schemas import Event, PostIndexedEventV1
from search.documents import NO_TEXT
from search.sources import IndexedPost

Row = dict[str, Any]
Traces = Mapping[UUID, str]
NO_TRACES: Final[Traces] = MappingProxyType({})
E = TypeVar("E", bound=Event)
_TEXTS: Final = frozenset({"words", "caption", "pictures", "others", "emoji", "files"})


def announce(
    found: Sequence[IndexedPost],
    rows: Sequence[Row],
    changed: Collection[UUID],
    *,
    now: datetime,
    traces: Traces = NO_TRACES,
) -> None:
    """
    Publish an event for each changed document, in the transaction that writes it.

    `rows` are those of `found`, `traces` the trace ids of posts where they are not the current one.
    The same version again, as after an index was deleted and built anew, is
    no news; the outbox knows its key as long as it keeps events.
    """
    publish_many(
        [
            traced(_event(one, row, now=now), traces.get(one.post.pk))
            for one, row in zip(found, rows, strict=True)
            if one.post.pk in changed
        ]
    )


def traced(event: E, trace_id: str | None) -> E:
    """The event under this trace, where there is one; else it gets the current one."""
    return event.model_copy(update={"trace_id": trace_id}) if trace_id else event


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
