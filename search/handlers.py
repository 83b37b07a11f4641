"""
Subscriptions of search: whatever changes what is known of a post brings its index up to date.

Handlers read the post as it is now, so events may come in any order, twice, and late.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from events.errors import RetryLater
from events.schemas import (
    AlbumParsedEventV1,
    DocumentsReadEventV1,
    Event,
    PostEnrichedEventV1,
    PostParsedEventV1,
    PostTaggedEventV1,
    VisionAnalyzedEventV1,
)
from events.subscriptions import Mode, subscribe
from search.embeddings import chosen
from search.embeddings.port import EncoderUnavailable
from search.index.chosen import outage
from search.index.port import IndexUnavailable, VectorsUnavailable
from search.saved.follow import index_and_match
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_qdrant import index_qdrant

WORDS_BATCH, MEANING_BATCH, QDRANT_BATCH = 200, 50, 50
"""Events of a call. Fifty vectors take two seconds: a recent post does not wait long behind older ones."""
ENCODING: Final = 60.0
"""Seconds of a call for each of two models, besides the request that is being made then."""
WAIT_FOR_ENCODER: Final = timedelta(minutes=5)
"""Nothing is wrong with the post: an operator installs what is missing."""
SHORTEST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(minutes=10)
"""For Qdrant, while the search answers from PostgreSQL."""


ABOUT_A_POST: Final = (
    PostParsedEventV1,
    VisionAnalyzedEventV1,
    DocumentsReadEventV1,
    PostEnrichedEventV1,
    PostTaggedEventV1,
)


def write_words(events: Sequence[Event], *, now: datetime) -> str:
    changed = index_and_match(_posts(events), now=now, traces=_traces(events))
    return f"{changed} changed"


def write_meaning(events: Sequence[Event], **_: Any) -> str:
    if not chosen.configured():
        return "no encoder"  # `rebuild_index` makes vectors once there is one
    try:
        return f"{index_meaning(_posts(events), seconds=ENCODING)} encoded"
    except VectorsUnavailable:
        return "no vectors here"  # `rebuild_index` makes them once there is the extension
    except EncoderUnavailable as error:
        raise RetryLater(str(error), after=error.after or WAIT_FOR_ENCODER) from error


def write_qdrant(events: Sequence[Event], *, now: datetime) -> str:
    """Runs in the queue of meaning: what one of the two has encoded, the other finds."""
    if not settings.QDRANT.configured:
        return "no Qdrant"
    if outage.lasts:  # one batch has found out, the others need not
        raise RetryLater(outage.reason, after=_wait_for_qdrant())
    try:
        changed = index_qdrant(_posts(events), now=now)
    except IndexUnavailable as error:
        outage.begin(str(error))
        raise RetryLater(str(error), after=_wait_for_qdrant()) from error
    except EncoderUnavailable as error:
        raise RetryLater(str(error), after=WAIT_FOR_ENCODER) from error
    outage.end()
    return f"{changed} changed"


def _wait_for_qdrant() -> timedelta:
    """The longer it has been down, the longer: what waits is looked at again each time."""
    return min(max(outage.age, SHORTEST_WAIT), LONGEST_WAIT)


def _has_qdrant() -> bool:
    return bool(settings.QDRANT.configured)


def _posts(events: Sequence[Event]) -> list[UUID]:
    """The posts that the events are about, each once; an album is about its items."""
    named = [UUID(e.post_id) for e in events if isinstance(e, ABOUT_A_POST)]
    albums = [e for e in events if isinstance(e, AlbumParsedEventV1)]
    items = [UUID(post_id) for event in albums for post_id in event.post_ids]
    return list(dict.fromkeys((*named, *items)))


def _traces(events: Sequence[Event]) -> dict[UUID, str]:
    """Of many posts at a time, each goes on under the trace of its own event, before that of its album."""
    ordered = sorted(events, key=lambda one: isinstance(one, ABOUT_A_POST))
    return {post_id: one.trace_id for one in ordered for post_id in _posts([one])}


def register() -> None:
    for schema, what in (
        (PostParsedEventV1, "parsed"),
        (VisionAnalyzedEventV1, "analyzed"),
        (DocumentsReadEventV1, "documents"),
        (PostEnrichedEventV1, "enriched"),
        (AlbumParsedEventV1, "album"),
    ):
        add = partial(subscribe, schema, mode=Mode.PROJECTION)
        add(name=f"search.words_{what}", queue="search", batch=WORDS_BATCH)(write_words)
        add(name=f"search.meaning_{what}", queue="search_meaning", batch=MEANING_BATCH)(
            write_meaning
        )
        add(
            name=f"search.qdrant_{what}",
            queue="search_meaning",
            batch=QDRANT_BATCH,
            in_use=_has_qdrant,
        )(write_qdrant)
    # Tags are no part of what is encoded.
    add = partial(subscribe, PostTaggedEventV1, mode=Mode.PROJECTION)
    add(name="search.words_tagged", queue="search", batch=WORDS_BATCH)(write_words)
    add(
        name="search.qdrant_tagged", queue="search_meaning", batch=QDRANT_BATCH, in_use=_has_qdrant
    )(write_qdrant)


register()
