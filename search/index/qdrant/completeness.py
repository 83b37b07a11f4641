"""
Whether Qdrant has all posts: it has not where it was off for a while, and nobody wrote to it.

While QDRANT_URL is not set, no event waits for Qdrant. Whoever sets it again finds the collection of
before, which would answer as if nothing had been posted since.
"""

import time
from typing import Final

from django.db.models import Sum

from events.models import OPEN_STATES, Delivery
from events.sentences import Sentence, gettext_noop
from events.subscriptions import registered
from search.index.port import IndexOutdated
from search.index.qdrant.client import answering, client
from search.models import SearchWord

FRESH_SECONDS: Final = 60.0
WRITERS: Final = "search.qdrant_"
"""How the names of the subscribers begin that write to Qdrant."""
_LACKS: Final = Sentence(
    gettext_noop(
        "Qdrant has %(points)s of %(posts)s posts, and nothing waits to be written:"
        " `manage.py rebuild_index --only qdrant` brings it in line"
    )
)
_ALL_POSTS: Final = ""
_complete: dict[str, float] = {}
"""When a collection was found complete, by its name."""


def require_complete(name: str) -> None:
    """
    Raise IndexOutdated where the collection lacks posts that nobody is about to write.

    Asked once a minute by each process; one that is not complete, each time.
    """
    now = time.monotonic()
    if now - _complete.get(name, -FRESH_SECONDS) < FRESH_SECONDS:
        return
    if (points := _points(name)) < (posts := _documents()) and not _is_anything_on_its_way():
        raise IndexOutdated(_LACKS % {"points": points, "posts": posts})
    _complete.clear()
    _complete[name] = now


def forget() -> None:
    """Look again at the next question."""
    _complete.clear()


def _points(name: str) -> int:
    with answering():
        return int(client().count(name).count)


def _documents() -> int:
    counted = SearchWord.objects.filter(word=_ALL_POSTS).aggregate(posts=Sum("posts"))
    return int(counted["posts"] or 0)


def _is_anything_on_its_way() -> bool:
    names = [one.name for one in registered() if one.name.startswith(WRITERS)]
    waiting = Delivery.objects.filter(subscriber__in=names, state__in=OPEN_STATES)
    return waiting.filter(backfill__in=[False, True]).exists()
