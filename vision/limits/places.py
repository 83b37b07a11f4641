"""
Places of a concurrency limit: rows that outlive any connection, so a restart of PostgreSQL frees
none whose call is still in progress.

Taking a place is one INSERT of the lowest free number, and unique numbers decide between two that
insert at once; giving it back is one DELETE. A place whose worker is gone is freed some ten seconds
after its end, when the provider, too, has noticed that nobody waits for its answer.
"""

import threading
import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import DEFAULT_DB_ALIAS, Error, connection
from django.utils import timezone

from events.postgresql.advisory_locks import key_of
from events.workers import liveness
from vision.models import ConcurrencyPlace

_in_hand: set[uuid.UUID] = set()
"""Ids of the places that threads of this process hold; adding and discarding are atomic."""
_given_back = threading.Condition()
_times = 0
"""How often a thread of this process has given a place back."""


def held_by(tenant: str, *, name: str) -> int:
    """How many places the tenant holds now."""
    return ConcurrencyPlace.objects.filter(name=name, tenant=tenant).count()


def times_given_back() -> int:
    """How often this process has given a place back; read it before a try, for `wait_for_one`."""
    return _times


def wait_for_one(*, since: int, seconds: float) -> None:
    """Wait until this process has given a place back since then, or for so long."""
    with _given_back:
        _given_back.wait_for(lambda: _times != since, seconds)


def held_here() -> int:
    """How many places threads of this process hold, or are just taking."""
    return len(_in_hand)


def take(
    name: str, *, limit: int, tenant: str, most: int, unless_held: Sequence[str] = ()
) -> uuid.UUID | None:
    """
    Take the lowest of the free places for the tenant; None if all, or its own `most`, are taken.

    None also while somebody holds one of the advisory locks `unless_held`: nobody can take those
    between the look at them and the taking of the place. Give the id that is returned to
    `give_back`. Not inside a transaction.
    """
    place_id = uuid.uuid4()
    # In hand before a row can name it: see `release_forgotten`.
    _in_hand.add(place_id)
    taken = False
    try:
        taken = _insert(
            id=place_id,
            worker=liveness.worker_id(),
            name=name,
            limit=limit,
            tenant=tenant,
            most=most,
            locks=[key_of(lock) for lock in unless_held],
            now=timezone.now(),
        )
    finally:
        if not taken:
            _in_hand.discard(place_id)
    return place_id if taken else None


def give_back(place_id: uuid.UUID) -> None:
    """Free the place; without a connection, `release_forgotten` does it. Never raises for that."""
    try:
        # A raw delete: an ordinary one opens a transaction, to look for cascades.
        ConcurrencyPlace.objects.filter(pk=place_id)._raw_delete(DEFAULT_DB_ALIAS)  # noqa: SLF001
    except Error:
        connection.close()  # an error here would hide what came of the call
    finally:
        _in_hand.discard(place_id)
        _tell_those_who_wait()


def _tell_those_who_wait() -> None:
    global _times  # noqa: PLW0603 - one per process, as the condition
    with _given_back:
        _times += 1
        _given_back.notify_all()


def release_forgotten(*, now: datetime) -> int:
    """
    Free the places of workers that are gone, and those that this very process forgot.

    It forgets one when the connection breaks while it is taken or given back.
    """
    del now  # whoever holds a place may hold it as long as it lives
    # First the rows, then what is in hand: a place is in hand before its row can be seen.
    rows = list(ConcurrencyPlace.objects.values_list("pk", "worker"))
    mine = liveness.worker_id() if rows else None
    forgotten = [
        pk
        for pk, worker in rows
        if (pk not in _in_hand if worker == mine else liveness.is_gone(worker))
    ]
    return ConcurrencyPlace.objects.filter(pk__in=forgotten).delete()[0] if forgotten else 0


def _insert(**values: str | int | uuid.UUID | datetime | list[int]) -> bool:
    with connection.cursor() as cursor:
        # Where another INSERT took one of the numbers first, nothing is inserted: try again.
        cursor.execute(
            """
            INSERT INTO vision_concurrency_place
                   (id, name, number, tenant, tenant_number, worker, taken_at)
            SELECT %(id)s, %(name)s, place.number, %(tenant)s, own.number, %(worker)s, %(now)s
            FROM (SELECT number FROM generate_series(0, %(limit)s - 1) AS number
                  EXCEPT SELECT number FROM vision_concurrency_place WHERE name = %(name)s
                  ORDER BY number LIMIT 1) AS place,
                 (SELECT number FROM generate_series(0, %(most)s - 1) AS number
                  EXCEPT SELECT tenant_number FROM vision_concurrency_place
                         WHERE name = %(name)s AND tenant = %(tenant)s
                  ORDER BY number LIMIT 1) AS own
            WHERE coalesce((
                -- the columns: so that the locks are only tried when there is a place
                SELECT bool_and(pg_try_advisory_xact_lock(lock + 0 * (place.number + own.number)))
                FROM unnest(%(locks)s::bigint[]) AS lock), true)
            ON CONFLICT DO NOTHING
            """,
            values,
        )
        return bool(cursor.rowcount == 1)
