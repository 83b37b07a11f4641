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
    PostDeletionEventV1,
    PostEnrichedEventV1,
    PostParsedEventV1,
    PostTaggedEventV1,
    VisionAnalyzedEventV1,
)
from events.sentences import Sentence, gettext_noop
from events.subscriptions import Mode, subscribe
from search.embeddings import chosen
from search.embeddings.port import EncoderUnavailable
from search.index.chosen import outage
from search.index.port import IndexUnavailable, VectorsUnavailable
from search.saved.follow import index_and_match, match_deletions
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
    PostDeletionEventV1,
)


_CHANGED = Sentence(gettext_noop("%(count)s changed"))
_MATCHED = Sentence(gettext_noop("%(count)s matched"))
_ENCODED = Sentence(gettext_noop("%(count)s encoded"))


def write_words(events: Sequence[Event], *, now: datetime) -> str:
    changed = index_and_match(_posts(events), now=now, traces=_traces(events))
    return _CHANGED % {"count": changed}


def follow_deletions(events: Sequence[Event], *, now: datetime) -> str:
    """The index asks the posts themselves whether they are deleted; saved searches want to be told."""
    moments = {UUID(e.post_id): e.occurred_at for e in events if isinstance(e, PostDeletionEventV1)}
    return _MATCHED % {"count": match_deletions(moments, now=now, traces=_traces(events))}


def write_meaning(events: Sequence[Event], **_: Any) -> str:
    if not chosen.configured():
        return gettext_noop("no encoder")  # `rebuild_index` makes vectors once there is one
    try:
        return _ENCODED % {"count": index_meaning(_posts(events), seconds=ENCODING)}
    except VectorsUnavailable:
        # `rebuild_index` makes them once there is the extension.
        return gettext_noop("no vectors here")
    except EncoderUnavailable as error:
        raise RetryLater(str(error), after=error.after or WAIT_FOR_ENCODER) from error


def write_qdrant(events: Sequence[Event], *, now: datetime) -> str:
    """Runs in the queue of meaning: what one of the two has encoded, the other finds."""
    if not settings.QDRANT.configured:
        return gettext_noop("no Qdrant")
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
    return _CHANGED % {"count": changed}


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
    subscribe(
        PostDeletionEventV1,
        name="search.match_deleted",
        queue="search",
        batch=WORDS_BATCH,
        mode=Mode.PROJECTION,
    )(follow_deletions)
    # Tags are no part of what is encoded.
    add = partial(subscribe, PostTaggedEventV1, mode=Mode.PROJECTION)
    add(name="search.words_tagged", queue="search", batch=WORDS_BATCH)(write_words)
    add(
        name="search.qdrant_tagged", queue="search_meaning", batch=QDRANT_BATCH, in_use=_has_qdrant
    )(write_qdrant)


register()
