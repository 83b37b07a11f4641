"""
Exact reservation of bytes, whatever happens at the same time.

Under the bucket's lock only sums over a few rows are read, and promises are inserted.
`reserve` is a transaction of its own: nobody carries that lock around, and the promise
is on disk before the first byte is put.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction

from accounts.models import Tenant
from events.errors import DomainError
from storage_quota import cleanup, metrics, selectors, tenant_settings
from storage_quota.limits import Ceilings, Forecast, Usage, decide
from storage_quota.models import Reservation
from storage_quota.reservations import release
from storage_quota.reservations.locks import lock_bucket, lock_promises

RESERVATION_TTL = timedelta(hours=1)
PUT_WITHIN = RESERVATION_TTL / 2
"""
A put may start in the first half of a promise's life. The other half is for the put
itself: 5 attempts of 90 s for each part (CONTRACT §6.1), and its settling.
"""

_SWEEP_WHEN_REFUSED = 50
"""Expired keys to clear before a refusal is final; more would keep the caller waiting."""


@dataclass(frozen=True, slots=True)
class Want:
    key: str
    size_bytes: int


class QuotaExceeded(DomainError):
    """A limit would be passed; nothing was promised."""

    code: ClassVar[str] = "quota_exceeded"
    http_status: ClassVar[int] = 507

    def __init__(self, forecast: Forecast) -> None:
        super().__init__(f"{forecast.reason}: {forecast.requested} B > {forecast.available} B")
        self.forecast = forecast

    def context(self) -> dict[str, Any]:
        return asdict(self.forecast)


Answers = dict[str, Reservation | QuotaExceeded]


@metrics.CHECK_SECONDS.time()
def forecast(*, tenant: Tenant, content_type: str, size_bytes: int) -> Forecast:
    """Would it fit just now? Only `reserve` promises it. A no counts as a violation."""
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
    *, tenant: Tenant, content_type: str, key: str, size_bytes: int, now: datetime
) -> Reservation:
    """Promise `size_bytes` for `key`, or raise QuotaExceeded. Never inside a transaction."""
    [answer] = reserve_many(
        tenant=tenant, content_type=content_type, wants=[Want(key, size_bytes)], now=now
    )
    if isinstance(answer, QuotaExceeded):
        raise answer
    return answer


def reserve_many(
    *, tenant: Tenant, content_type: str, wants: Sequence[Want], now: datetime
) -> list[Reservation | QuotaExceeded]:
    """
    Answers in the order of `wants`; what does not fit is passed over, later ones may fit.

    What killed writers left under these keys is cleared first. Before a refusal stands,
    promises that expired are swept; then, where the bucket is full, it is cleaned up
    (CONTRACT §7.2). After each of them the rest is asked again.
    """
    _check(tenant, content_type, wants)
    release.clear_expired([want.key for want in wants], now=now)
    answers = _grant(tenant, content_type, wants, now=now)
    if _refused(answers) and release.release_expired(now=now, limit=_SWEEP_WHEN_REFUSED).cleared:
        answers |= _grant(tenant, content_type, _again(answers, wants), now=now)
    until = time.monotonic() + cleanup.PATIENCE.total_seconds()
    # Somebody else may be quicker to take the room that was made: then more is made.
    while cleanup.make_room(_missing_bytes(answers), now=now, until=until):
        answers |= _grant(tenant, content_type, _again(answers, wants), now=now)
    return _counted(tenant, [answers[want.key] for want in wants])


def ceilings(tenant: Tenant, content_type: str) -> Ceilings:
    """What bucket, tenant and type may reach; a tenant's own limit replaces the common one."""
    limits = settings.LIMITS
    own = tenant.limit_bytes
    return Ceilings(
        bucket=limits.total_bytes,
        tenant=limits.tenant_bytes if own is None else own,
        type=limits.by_type[content_type],
        own_type=tenant_settings.limits(tenant).of(content_type),
    )


def _counted(
    tenant: Tenant, answers: list[Reservation | QuotaExceeded]
) -> list[Reservation | QuotaExceeded]:
    for answer in answers:
        if isinstance(answer, QuotaExceeded):
            metrics.count_refusal(tenant.pk, answer.forecast)
    return answers


def _refused(answers: Answers) -> dict[str, QuotaExceeded]:
    return {key: answer for key, answer in answers.items() if isinstance(answer, QuotaExceeded)}


def _again(answers: Answers, wants: Sequence[Want]) -> list[Want]:
    refused = _refused(answers)
    return [want for want in wants if want.key in refused]


def _missing_bytes(answers: Answers) -> int:
    """Of those that nothing but a full bucket keeps out."""
    forecasts = [refusal.forecast for refusal in _refused(answers).values()]
    return sum(each.requested for each in forecasts if each.only_bucket_is_full)


def _check(tenant: Tenant, content_type: str, wants: Sequence[Want]) -> None:
    folder = f"{content_type}/{tenant.pk}/"
    for want in wants:
        if want.size_bytes <= 0:
            raise ValueError(f"a reservation is of at least one byte: {want}")
        if not want.key.startswith(folder):
            raise ValueError(f"outside of {folder}: {want}")
    if len({want.key for want in wants}) != len(wants):
        raise ValueError("a batch names a key once")


def _grant(tenant: Tenant, content_type: str, wants: Sequence[Want], *, now: datetime) -> Answers:
    while True:
        answers = _try_grant(tenant, content_type, wants, now=now)
        if answers is not None:
            return answers


@metrics.CHECK_SECONDS.time()
def _try_grant(
    tenant: Tenant, content_type: str, wants: Sequence[Want], *, now: datetime
) -> Answers | None:
    """
    One transaction, one lock, held until the commit is on disk: batches pay that once.

    None if a promise for the same key appeared before we had the bucket's lock. It may be
    one that is being cleared, and our object must not be put before that is over.
    """
    with transaction.atomic(durable=True):
        promises = lock_promises(want.key for want in wants)
        replaceable = {want.key: _replaceable(promises[want.key], want, now) for want in wants}
        lock_bucket()
        if _others_open(promises):
            return None
        usage = selectors.taken(tenant_id=tenant.pk, content_type=content_type)
        outlooks = _decide(tenant, content_type, wants, replaceable, usage=usage)
        granted = [
            _promise(tenant, content_type, want, now=now)
            for want in wants
            if outlooks[want.key].allowed
        ]
        _save(granted, promises, replaceable)
        _heed_threshold(usage.bucket, granted)
    answers: Answers = {row.key: row for row in granted}
    return {key: QuotaExceeded(outlook) for key, outlook in outlooks.items()} | answers


def _others_open(promises: Mapping[str, Sequence[Reservation]]) -> bool:
    locked = [row.pk for rows in promises.values() for row in rows]
    return Reservation.objects.filter(key__in=list(promises)).exclude(pk__in=locked).exists()


def _replaceable(promises: Iterable[Reservation], want: Want, now: datetime) -> list[Reservation]:
    """
    Expired promises whose bytes the new one covers: a retry does not count twice.

    Without this an outage of the store would fill the bucket with promises.
    """
    return [row for row in promises if row.expires_at <= now and row.size_bytes <= want.size_bytes]


def _decide(
    tenant: Tenant,
    content_type: str,
    wants: Sequence[Want],
    replaceable: Mapping[str, Sequence[Reservation]],
    *,
    usage: Usage,
) -> dict[str, Forecast]:
    """Greedy, in order: each decision counts what was granted before it."""
    most = ceilings(tenant, content_type)
    outlooks = {}
    for want in wants:
        freed = sum(row.size_bytes for row in replaceable[want.key])
        outlook = decide(
            content_type=content_type,
            requested=want.size_bytes,
            usage=usage.plus(-freed),
            ceilings=most,
        )
        if outlook.allowed:
            usage = outlook.usage.plus(want.size_bytes)
        outlooks[want.key] = outlook
    return outlooks


def _promise(tenant: Tenant, content_type: str, want: Want, *, now: datetime) -> Reservation:
    promise = Reservation(
        tenant=tenant,
        content_type=content_type,
        key=want.key,
        size_bytes=want.size_bytes,
        expires_at=now + RESERVATION_TTL,
        created_at=now,
    )
    promise.put_until = time.monotonic() + PUT_WITHIN.total_seconds()
    return promise


def _save(
    granted: Sequence[Reservation],
    promises: Mapping[str, Sequence[Reservation]],
    replaceable: Mapping[str, Sequence[Reservation]],
) -> None:
    replaced = {row.pk for new in granted for row in replaceable[new.key]}
    for new in granted:
        new.contested = any(row.pk not in replaced for row in promises[new.key])
        kept = [row.kept_until for row in replaceable[new.key] if row.kept_until]
        new.kept_until = max(kept, default=None)
    if replaced:
        Reservation.objects.filter(pk__in=replaced).delete()
    Reservation.objects.bulk_create(granted)


def _heed_threshold(before_bytes: int, granted: Sequence[Reservation]) -> None:
    """Crossing the emergency threshold rings for a cleanup; staying above it does not."""
    after_bytes = before_bytes + sum(row.size_bytes for row in granted)
    if before_bytes < settings.LIMITS.emergency_bytes <= after_bytes:
        transaction.on_commit(cleanup.ring)
