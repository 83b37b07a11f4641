"""
Subscriptions of the graph: whatever changes what is known of a post or an album brings it in line.

Handlers read the rows as they are now, so events may come in any order, twice, and late. A graph
that is down postpones them, and nothing else.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from events.errors import RetryLater
from events.schemas import (
    AlbumAssembledEventV1,
    AlbumParsedEventV1,
    Event,
    PostEnrichedEventV1,
    PostParsedEventV1,
    PostTaggedEventV1,
    VisionAnalyzedEventV1,
)
from events.sentences import Sentence, gettext_noop
from events.subscriptions import Mode, subscribe
from graph import metrics
from graph.errors import GraphUnavailable
from graph.services.index import index
from graph.sources.read import Changed
from graph.store.connection import configured
from graph.store.outage import outage

AboutPost = PostParsedEventV1 | VisionAnalyzedEventV1 | PostTaggedEventV1 | PostEnrichedEventV1
AboutAlbum = AlbumParsedEventV1 | AlbumAssembledEventV1
BATCH: Final = 200
SHORTEST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(minutes=10)


_CHANGES = Sentence(gettext_noop("%(count)s changes"))


def write(events: Sequence[Event], **_: Any) -> str:
    if not configured():
        return gettext_noop("no graph")  # `rebuild_graph` makes it once there is one
    if outage.lasts:  # one batch has found out, the others need not
        raise RetryLater(outage.reason, after=_wait())
    try:
        done = index(_changed(events))
    except GraphUnavailable as error:
        outage.begin(str(error))
        raise RetryLater(str(error), after=_wait()) from error
    outage.end()
    for event in events:
        metrics.observe_lag(timezone.now() - event.occurred_at)
    return _CHANGES % {"count": done.changed}


def _wait() -> timedelta:
    """The longer it has been down, the longer: what waits is looked at again each time."""
    return min(max(outage.age, SHORTEST_WAIT), LONGEST_WAIT)


def _changed(events: Sequence[Event]) -> Changed:
    """The posts and albums that the events are about, each once; an album is about its posts, too."""
    of_albums = [e for e in events if isinstance(e, AboutAlbum)]
    of_posts = [e for e in events if isinstance(e, AboutPost)]
    return Changed(
        posts=list(dict.fromkeys(UUID(event.post_id) for event in of_posts)),
        albums=list(dict.fromkeys(event.album_id for event in of_albums)),
    )


def register() -> None:
    for schema, what in (
        (PostParsedEventV1, "parsed"),
        (VisionAnalyzedEventV1, "analyzed"),
        (PostTaggedEventV1, "tagged"),
        (PostEnrichedEventV1, "enriched"),
        (AlbumParsedEventV1, "album"),
        (AlbumAssembledEventV1, "assembled"),
    ):
        add = partial(subscribe, schema, mode=Mode.PROJECTION, in_use=configured)
        add(name=f"graph.{what}", queue="graph", batch=BATCH)(write)


register()
