"""
Places of a concurrency limit: rows that outlive any connection, so a restart of PostgreSQL frees
none whose call is still in progress.

Taking a place is one INSERT of the lowest free number, and unique numbers decide between two that
insert at once; giving it back is one DELETE. A place whose worker is gone is freed some ten seconds
after its end, when the provider, too, has noticed that nobody waits for its answer.

The statement that takes a place for a claim notes in the row of the claim that the provider may be
asked from now on. So whoever finds the claim of a killed worker knows whether it may have been
billed, or only waited for its turn.
"""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, connection
from django.utils import timezone

from events.errors import RetryLater
from events.postgresql.advisory_locks import key_of
from events.postgresql.prepared import Prepared
from events.workers import liveness
from vision.models import ConcurrencyPlace

SOON = timedelta(seconds=1)
"""When a delivery comes back whose claim was lost."""
_in_hand: set[uuid.UUID] = set()
"""Ids of the places that threads of this process hold; adding and discarding are atomic."""
_given_back = threading.Condition()
_times = 0
"""How often a thread of this process has given a place back."""


class ClaimLost(RetryLater):
    """Somebody has freed the claim of a caller that waited; it must not ask any more."""


@dataclass(frozen=True, slots=True)
class ClaimKey:
    """What names a claim: the id of its row, and its own."""

    paid_analysis_id: int
    claim_id: uuid.UUID


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
    name: str,
    *,
    limit: int,
    tenant: str,
    most: int,
    unless_held: Sequence[str] = (),
    claim: ClaimKey | None = None,
) -> uuid.UUID | None:
    """
    Take the lowest of the free places for the tenant; None if all, or its own `most`, are taken.

    None also while somebody holds one of the advisory locks `unless_held`: nobody can take those
    between the look at them and the taking of the place. Give the id that is returned to
    `give_back`. Raises ClaimLost where the claim is no longer its caller's. Not inside a transaction.
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
            row=claim and claim.paid_analysis_id,
            claim=claim and claim.claim_id,
        )
    finally:
        if not taken:
            _in_hand.discard(place_id)
    return place_id if taken else None


def give_back(place_id: uuid.UUID) -> None:
    """
    Free the place, unless it `was_given_back`; without a connection, `release_forgotten` does it.

    Never raises for want of a connection.
    """
    if place_id not in _in_hand:
        return
    try:
        delete(place_id)
    except Error:
        connection.close()  # an error here would hide what came of the call
    finally:
        was_given_back(place_id)


def delete(place_id: uuid.UUID) -> None:
    """Free the place when the caller's transaction commits, who then says `was_given_back`."""
    # A raw delete: an ordinary one opens a transaction, to look for cascades.
    ConcurrencyPlace.objects.filter(pk=place_id)._raw_delete(DEFAULT_DB_ALIAS)  # noqa: SLF001


def was_given_back(place_id: uuid.UUID) -> None:
    """Tell the threads of this process that wait for a place that the row of this one is deleted."""
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
    rows = _PLACES.rows()
    mine = liveness.worker_id() if rows else None
    forgotten = [
        pk
        for pk, worker in rows
        if (pk not in _in_hand if worker == mine else liveness.is_gone(worker))
    ]
    return ConcurrencyPlace.objects.filter(pk__in=forgotten).delete()[0] if forgotten else 0


_PLACES = Prepared(lambda: ConcurrencyPlace.objects.values_list("pk", "worker"))


def _insert(**values: Any) -> bool:
    """Insert a place, and note the call in the row of its claim; whether there was one."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        is_taken, is_noted = cursor.fetchone()
    if is_taken and values["claim"] and not is_noted:
        delete(values["id"])
        raise ClaimLost("the claim was freed while it waited for a place", after=SOON)
    return bool(is_taken)


# Where another INSERT took one of the numbers first, nothing is inserted: try again.
_TAKE = """
    WITH held AS MATERIALIZED (
        SELECT number, tenant, tenant_number FROM vision_concurrency_place WHERE name = %(name)s
    ), taken AS (
        INSERT INTO vision_concurrency_place
               (id, name, number, tenant, tenant_number, worker, taken_at)
        SELECT %(id)s, %(name)s, place.number, %(tenant)s, own.number, %(worker)s, %(now)s
        FROM (SELECT number FROM generate_series(0, %(limit)s - 1) AS number
              EXCEPT SELECT number FROM held
              ORDER BY number LIMIT 1) AS place,
             (SELECT number FROM generate_series(0, %(most)s - 1) AS number
              EXCEPT SELECT tenant_number FROM held WHERE tenant = %(tenant)s
              ORDER BY number LIMIT 1) AS own
        -- the sums: where a limit was lowered, low numbers are free while higher ones are taken
        WHERE (SELECT count(*) FROM held) < %(limit)s
          AND (SELECT count(*) FROM held WHERE tenant = %(tenant)s) < %(most)s
          AND coalesce((
            -- the columns: so that the locks are only tried when there is a place
            SELECT bool_and(pg_try_advisory_xact_lock(lock + 0 * (place.number + own.number)))
            FROM unnest(%(locks)s::bigint[]) AS lock), true)
        ON CONFLICT DO NOTHING
        RETURNING id
    ), noted AS (
        UPDATE vision_picture_look SET asked_at = %(now)s
        WHERE id = %(row)s AND claim_id = %(claim)s AND EXISTS (SELECT FROM taken)
        RETURNING id
    )
    SELECT EXISTS (SELECT FROM taken), EXISTS (SELECT FROM noted)
"""
