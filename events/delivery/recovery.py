"""
Free what workers that are gone held, so that it goes on within seconds.

Every worker process runs all recoveries every `EVERY` seconds. A room whose own claims name the
worker that holds them registers a recovery in `Room.connect()`.
"""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import Error, connection, transaction
from django.utils import timezone

from events import queue, rooms
from events.delivery import claims
from events.models import Delivery, DeliveryState
from events.postgresql.prepared import Prepared
from events.workers import clock, liveness

logger = logging.getLogger(__name__)

EVERY: Final = 2.0
"""Seconds between two runs in each worker process."""

_LEASED = Delivery.objects.filter(state=DeliveryState.LEASED)
_HOLDERS = Prepared(
    lambda: _LEASED.filter(leased_by__isnull=False).order_by().values_list("leased_by").distinct()
)
_LEASES = Prepared(
    lambda worker: _LEASED.filter(leased_by=worker).values_list("pk", "due_at"),
    worker=uuid.uuid4(),
)

Recovery = Callable[..., int]
"""Called as `recovery(now=…)`; returns how many claims it has freed."""

_recoveries: dict[str, Recovery] = {}


def register(name: str, recovery: Recovery) -> None:
    """Have `recovery` run by every worker; one that is registered twice counts once."""
    _recoveries[name] = recovery


def run_all() -> None:
    """
    Run every recovery; what one cannot do for want of a connection is done the next time.

    None while the clock of this host is wrong: leases of living workers would seem to be over.
    """
    rooms.connect_all()
    for name, recovery in _recoveries.items():
        try:
            if clock.agrees_now() and (freed := recovery(now=timezone.now())):
                logger.warning("%s: %d freed of workers that are gone", name, freed)
        except Error as error:
            logger.warning("%s: %s: trying again", name, error, exc_info=error)
            connection.close()


def release_leases_of_gone_workers(*, now: datetime) -> int:
    """
    Make the deliveries due that workers which are gone had leased.

    The attempt stays counted: a delivery that kills its workers becomes a dead letter.
    """
    # Each worker is asked about every time, since liveness watches only who is asked about.
    gone = [worker for (worker,) in _HOLDERS.rows() if liveness.is_gone(worker)]
    if not gone:
        return 0
    with transaction.atomic():
        # `skip_locked` and the order of keys: two that release at once do not wait for each
        # other, and a worker that is alive after all may be settling.
        leased = Delivery.objects.filter(state=DeliveryState.LEASED, leased_by__in=gone)
        locked = leased.select_for_update(skip_locked=True)
        ids = list(locked.order_by("pk").values_list("pk", flat=True))
        return _make_due(ids, now=now)


def release_own_forgotten_leases(*, now: datetime) -> int:
    """
    Make deliveries due that this very process has leased and knows nothing of.

    When the connection breaks at a commit, PostgreSQL may have written a lease of which the
    worker only saw an error. The worker is alive, so nobody else would end that lease.
    """
    # First the rows, then what is in hand: a lease is in hand before it can be seen in the table,
    # so what is not in hand any more was settled or forgotten.
    worker = liveness.worker_id()
    leases: dict[int, datetime] = dict(_LEASES.rows(worker=worker))
    forgotten = [pk for pk in leases if not claims.is_in_hand(pk)]
    freed = 0
    for pk in forgotten:
        # Settled and leased again meanwhile, it would have another end of its lease.
        mine = Delivery.objects.filter(state=DeliveryState.LEASED, leased_by=worker, pk=pk)
        freed += mine.filter(due_at=leases[pk]).update(
            state=DeliveryState.PENDING, leased_by=None, due_at=now
        )
    return freed


def _make_due(ids: list[int], *, now: datetime) -> int:
    return Delivery.objects.filter(pk__in=ids).update(
        state=DeliveryState.PENDING, leased_by=None, due_at=now
    )


register("deliveries", release_leases_of_gone_workers)
register("own deliveries", release_own_forgotten_leases)
register("tasks", queue.release_tasks_of_gone_workers)
