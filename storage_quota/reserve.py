"""
Reservations of bytes: exact, whatever else happens at the same time.

Under the bucket's lock only sums over a few rows are read and reservations inserted. `reserve`
is a transaction of its own, for two reasons: no caller keeps that lock while it works, and the
reservation is committed before the first byte is written to the store.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction

from accounts import tenants
from accounts.models import Tenant
from events.errors import DomainError
from events.postgresql import arrays, copy_rows, one_trip
from events.postgresql.one_trip import Rows
from events.workers import liveness
from storage_quota import cleanup, metrics, selectors
from storage_quota.limits import QuotaForecast, QuotaUsage, decide
from storage_quota.models import Reservation
from storage_quota.reservations import release
from storage_quota.reservations.locks import BUCKET, by_key, to_lock
from storage_quota.tenant_settings import as_read, ceilings

logger = logging.getLogger(__name__)

RESERVATION_TTL = timedelta(hours=1)
PUT_WITHIN = RESERVATION_TTL / 2
"""
How long after reserving a put may begin. The other half of the lifetime is for the put itself
(5 attempts of 90 s for each part, CONTRACT §6.1) and for settling.
"""

_RELEASED_BEFORE_REFUSAL = 50
"""Expired keys to release before a refusal is final; more would keep the caller waiting."""


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    key: str
    size_bytes: int


class QuotaExceeded(DomainError):
    """The bytes would exceed a limit; nothing was reserved."""

    code: ClassVar[str] = "quota_exceeded"
    http_status: ClassVar[int] = 507

    def __init__(self, forecast: QuotaForecast) -> None:
        super().__init__(str(forecast))
        self.forecast = forecast

    def context(self) -> dict[str, Any]:
        return {**asdict(self.forecast), "setting": self.forecast.setting}


_NOW_THERE = "SELECT id FROM storage_quota_reservation WHERE key = ANY(%s::text[])"

Answers = dict[str, Reservation | QuotaExceeded]
"""The answer to each requested key."""


@metrics.CHECK_SECONDS.time()
def forecast(*, tenant: Tenant, content_type: str, size_bytes: int) -> QuotaForecast:
    """Whether the bytes would fit now; nothing is reserved. A no counts as a violation."""
    outlook = decide(
        content_type=content_type,
        requested=size_bytes,
        usage=selectors.taken(tenant_id=tenant.pk, content_type=content_type),
        ceilings=ceilings(tenant, content_type),
    )
    if not outlook.allowed:
        metrics.count_refusal(tenant.pk, outlook)
    return outlook


def reserve(
    *,
    tenant: Tenant,
    content_type: str,
    key: str,
    size_bytes: int,
    now: datetime,
    left: Sequence[Reservation] | None = None,
) -> Reservation:
    """
    Reserve `size_bytes` for `key`, or raise QuotaExceeded. Never inside a transaction.

    `left` are the rows of `release.left_for`, where the caller has just read them.
    """
    [answer] = reserve_many(
        tenant=tenant,
        content_type=content_type,
        requests=[ReservationRequest(key, size_bytes)],
        now=now,
        left=left,
    )
    if isinstance(answer, QuotaExceeded):
        raise answer
    return answer


def reserve_many(
    *,
    tenant: Tenant,
    content_type: str,
    requests: Sequence[ReservationRequest],
    now: datetime,
    left: Sequence[Reservation] | None = None,
) -> list[Reservation | QuotaExceeded]:
    """
    Reserve what fits; the answers come in the order of `requests`.

    A request that does not fit is refused, later smaller ones may still fit. Bytes that killed
    writers left under these keys are deleted first. Refused requests are tried again after
    releasing expired reservations, and where only the bucket is full, after a cleanup (CONTRACT
    §7.2).
    """
    _check(tenant, content_type, requests)
    if left is None:
        [rows] = one_trip.fetch(release.left_for(request.key for request in requests))
        left = one_trip.objects(Reservation, rows)
    gone = release.clear_left(left, now=now)
    answers = _grant(tenant, content_type, requests, gone=gone, now=now)
    if _refused(answers) and _release_expired(now=now):
        again = _still_refused(answers, requests)
        answers |= _grant(tenant, content_type, again, gone=gone, now=now)
    until = time.monotonic() + cleanup.PATIENCE.total_seconds()
    # A loop, since another process may reserve the space that the cleanup made for this one.
    while cleanup.make_room(_missing_bytes(answers), now=now, until=until):
        again = _still_refused(answers, requests)
        answers |= _grant(tenant, content_type, again, gone=gone, now=now)
    if refused := _refused(answers).values():
        # Whichever limit refuses: above the threshold a cleanup is due, and the crossing that
        # enqueued one may be days ago.
        cleanup.ring_if_due(max(one.forecast.usage.bucket for one in refused))
    return _counted(tenant, content_type, [answers[request.key] for request in requests])


def _release_expired(*, now: datetime) -> bool:
    return release.release_expired(now=now, limit=_RELEASED_BEFORE_REFUSAL).cleared > 0


def _counted(
    tenant: Tenant, content_type: str, answers: list[Reservation | QuotaExceeded]
) -> list[Reservation | QuotaExceeded]:
    refused = [answer.forecast for answer in answers if isinstance(answer, QuotaExceeded)]
    for one in refused:
        metrics.count_refusal(tenant.pk, one)
    _log(tenant, content_type, answers, refused)
    return answers


def _log(
    tenant: Tenant,
    content_type: str,
    answers: Sequence[Reservation | QuotaExceeded],
    refused: Sequence[QuotaForecast],
) -> None:
    """One line for a batch, and one for each limit that refuses some of it."""
    fields = {"tenant_id": str(tenant.pk), "content_type": content_type}
    granted = len(answers) - len(refused)
    logger.info("Quota check: %d of %d allowed", granted, len(answers), extra=fields)
    for reason, first in {one.reason: one for one in reversed(refused)}.items():
        count = sum(one.reason == reason for one in refused)
        more = {**fields, "reason": reason}
        logger.warning("Quota exceeded: %d refused, such as %s", count, first, extra=more)


def _refused(answers: Answers) -> dict[str, QuotaExceeded]:
    return {key: answer for key, answer in answers.items() if isinstance(answer, QuotaExceeded)}


def _still_refused(
    answers: Answers, requests: Sequence[ReservationRequest]
) -> list[ReservationRequest]:
    refused = _refused(answers)
    return [request for request in requests if request.key in refused]


def _missing_bytes(answers: Answers) -> int:
    """
    Bytes of the requests that would fit if the bucket had more free space.

    One after the other: what the tenant or the type has no room for together is not made room for.
    """
    missing = 0
    for refusal in _refused(answers).values():
        outlook = refusal.forecast
        if replace(outlook, usage=outlook.usage.plus(missing)).only_bucket_is_full:
            missing += outlook.requested
    return missing


def _check(tenant: Tenant, content_type: str, requests: Sequence[ReservationRequest]) -> None:
    folder = f"{content_type}/{tenant.pk}/"
    for request in requests:
        if request.size_bytes <= 0:
            raise ValueError(f"a reservation is of at least one byte: {request}")
        if not request.key.startswith(folder):
            raise ValueError(f"outside of {folder}: {request}")
    if len({request.key for request in requests}) != len(requests):
        raise ValueError("a batch names a key once")


def _grant(
    tenant: Tenant,
    content_type: str,
    requests: Sequence[ReservationRequest],
    *,
    gone: AbstractSet[UUID],
    now: datetime,
) -> Answers:
    while True:
        answers = _try_grant(tenant, content_type, requests, gone=gone, now=now)
        if answers is not None:
            return answers


@metrics.CHECK_SECONDS.time()
def _try_grant(
    tenant: Tenant,
    content_type: str,
    requests: Sequence[ReservationRequest],
    *,
    gone: AbstractSet[UUID],
    now: datetime,
) -> Answers | None:
    """
    Decide about all requests in one transaction, which holds the bucket's lock until its commit.

    None if another reservation of the same key appeared before that lock was ours: its key may
    be about to be deleted from the store, and must not be written before that has ended.
    """
    if not requests:
        return {}
    with transaction.atomic(durable=True):
        found = _lock_and_read(tenant, [request.key for request in requests])
        if found is None:
            return None
        existing, taken, tenant = found
        replaceable = {
            request.key: _replaceable(existing[request.key], request, gone=gone, now=now)
            for request in requests
        }
        usage = selectors.summed(taken, tenant_id=tenant.pk, content_type=content_type)
        outlooks = _decide(tenant, content_type, requests, replaceable, usage=usage)
        granted = [
            _new_reservation(tenant, content_type, request, now=now)
            for request in requests
            if outlooks[request.key].allowed
        ]
        _save(granted, existing, replaceable)
        # In this transaction: what fails after a commit looks as if nothing had been reserved.
        _ring_if_threshold_crossed(usage.bucket, granted)
    answers: Answers = {row.key: row for row in granted}
    return {key: QuotaExceeded(outlook) for key, outlook in outlooks.items()} | answers


def _lock_and_read(
    tenant: Tenant, keys: Sequence[str]
) -> tuple[dict[str, list[Reservation]], Rows, Tenant] | None:
    """
    Lock the reservations of these keys, then the bucket; read what is taken of it, and the tenant.

    None if reservations appeared in between. One round trip: nobody else reserves meanwhile.
    """
    rows, _, now_there, taken, limits = one_trip.fetch(
        to_lock(keys),
        one_trip.turn(BUCKET),
        (_NOW_THERE, [arrays.of_texts(keys)]),
        selectors.TAKEN,
        tenants.to_read(tenant),
    )
    locked = one_trip.objects(Reservation, rows)
    if {pk for (pk,) in now_there} - {row.pk for row in locked}:
        return None
    return by_key(locked), taken, as_read(tenant, limits)


def _replaceable(
    existing: Sequence[Reservation],
    request: ReservationRequest,
    *,
    gone: AbstractSet[UUID],
    now: datetime,
) -> list[Reservation]:
    """
    Reservations of nobody any more that the new one replaces, so that a retry counts once.

    Otherwise the retries during an outage of the store, or of a worker that is killed again and
    again, would fill the bucket with reservations. A larger one stays: the object in the store may
    have up to its size. Where somebody alive writes the key too, all stay: what the others left
    half written could not be aborted.
    """
    if not all(release.is_left(row, gone, now=now) for row in existing):
        return []
    return [row for row in existing if row.size_bytes <= request.size_bytes]


def _decide(
    tenant: Tenant,
    content_type: str,
    requests: Sequence[ReservationRequest],
    replaceable: Mapping[str, Sequence[Reservation]],
    *,
    usage: QuotaUsage,
) -> dict[str, QuotaForecast]:
    """Decide in order; each decision counts what was granted before it."""
    most = ceilings(tenant, content_type)
    outlooks = {}
    for request in requests:
        freed = sum(row.size_bytes for row in replaceable[request.key])
        outlook = decide(
            content_type=content_type,
            requested=request.size_bytes,
            usage=usage.plus(-freed),
            ceilings=most,
        )
        if outlook.allowed:
            usage = outlook.usage.plus(request.size_bytes)
        outlooks[request.key] = outlook
    return outlooks


def _new_reservation(
    tenant: Tenant, content_type: str, request: ReservationRequest, *, now: datetime
) -> Reservation:
    reservation = Reservation(
        tenant=tenant,
        content_type=content_type,
        key=request.key,
        size_bytes=request.size_bytes,
        expires_at=now + RESERVATION_TTL,
        created_at=now,
        writer=_writer(),
    )
    reservation.write_deadline = time.monotonic() + PUT_WITHIN.total_seconds()
    return reservation


def _writer() -> UUID | None:
    """Name this process for `liveness`; None without a connection for its lock."""
    try:
        return liveness.worker_id()
    except OperationalError:
        return None


def _save(
    granted: Sequence[Reservation],
    existing: Mapping[str, Sequence[Reservation]],
    replaceable: Mapping[str, Sequence[Reservation]],
) -> None:
    replaced = {row.pk for new in granted for row in replaceable[new.key]}
    for new in granted:
        new.contested = any(row.pk not in replaced for row in existing[new.key])
        # A late upload of the replaced writer may still land under this key.
        late = [_lands_until(row, new.created_at) for row in replaceable[new.key]]
        new.may_land_until = max(filter(None, late), default=None)
    if replaced:
        Reservation.objects.filter(pk__in=replaced).delete()
    copy_rows.insert(Reservation, granted)


def _lands_until(replaced: Reservation, now: datetime) -> datetime | None:
    """Until when a put of the reservation may be carried out; None where it cannot any more."""
    if replaced.expires_at > now:
        return max(replaced.expires_at, replaced.may_land_until or replaced.expires_at)
    return replaced.may_land_until


def _ring_if_threshold_crossed(before_bytes: int, granted: Sequence[Reservation]) -> None:
    """Ring when usage crosses the emergency threshold; `ring_if_due` does so while it is above."""
    after_bytes = before_bytes + sum(row.size_bytes for row in granted)
    if before_bytes < settings.LIMITS.emergency_bytes <= after_bytes:
        cleanup.ring()
