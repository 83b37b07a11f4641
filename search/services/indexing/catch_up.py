"""Vectors of posts that wait, newest first: what is left of an import, a failure, a new model."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from events.models import Delivery, DeliveryState
from events.sentences import gettext_noop
from events.subscriptions import registered
from search.embeddings import chosen
from search.embeddings.port import EncoderUnavailable
from search.index.postgresql.vectors import kept_vectors, vector_table, waiting
from search.services.indexing.index_meaning import index_meaning
from search.services.meaning import models_in_use

TURN: Final = "search.catch_up"
BATCH: Final = 50
SECONDS: Final = 60.0
"""Of a batch, for each of two models."""
QUEUE: Final = "search_meaning"


@dataclass(slots=True)
class CaughtUp:
    """What was done; `ended` says why no more was. `serves` is the model that serves since now."""

    posts: int = 0
    ended: str = ""
    serves: str = ""
    retired: int = 0
    pruned: int = 0


def catch_up(*, clock: Callable[[], datetime], proceed: Callable[[], bool]) -> CaughtUp:
    """
    Encode posts that wait while `proceed` says so, then change to the new model if it covers all.

    New posts come by their events; while some of those are due, others are left for later.
    """
    done = CaughtUp()
    if not chosen.configured():
        done.ended = gettext_noop("SEARCH_ENCODER is none")
    elif missing := vector_table.create():
        done.ended = missing
    if done.ended:
        models_in_use.nothing_is_encoded()
        return done
    models_in_use.adopt(chosen.encoder(), now=clock())
    try:
        _encode(done, clock=clock, proceed=proceed)
    except EncoderUnavailable as error:
        done.ended = str(error)
    done.serves = models_in_use.change_over()
    done.retired = models_in_use.retire(proceed)
    done.pruned = kept_vectors.prune(most=settings.SEARCH.kept_vectors)
    return done


def _encode(done: CaughtUp, *, clock: Callable[[], datetime], proceed: Callable[[], bool]) -> None:
    stuck: set[UUID] = set()
    while proceed():
        if _events_are_due(now=clock()):
            done.ended = gettext_noop("what came by events comes first")
            return
        newest = waiting.newest(BATCH + len(stuck))
        posts = [post_id for post_id in newest if post_id not in stuck]
        if not posts:
            return
        index_meaning(posts, seconds=SECONDS)
        # Of these the text changed meanwhile; the event of that brings the other.
        still = waiting.still(posts)
        stuck |= still
        done.posts += len(posts) - len(still)


def _events_are_due(*, now: datetime) -> bool:
    """Whether workers encode posts, or are about to: nobody else encodes the same meanwhile."""
    names = [subscription.name for subscription in registered(queue=QUEUE)]
    due = Q(state=DeliveryState.LEASED) | Q(state=DeliveryState.PENDING, due_at__lte=now)
    return Delivery.objects.filter(due, subscriber__in=names, backfill__in=[False, True]).exists()
