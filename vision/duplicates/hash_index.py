"""
Near-duplicates within a tenant: which picture may lend its analysis to which.

A hash is looked up by pigeonholes: it is dealt into 13 numbers, so two hashes at most 12 bits
apart have one in common, and a GIN index finds the rows that have. Exact distances are then
counted for those few only. The tenant is part of every number and of every WHERE.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, CharField, F, Func, IntegerField, Q, QuerySet, Value, When
from django.dispatch import Signal

from accounts.models import Tenant
from vision.duplicates.phash import PHash, bands
from vision.models.duplicates import BANDS, PictureDistinction, PictureHash

MOST_RETURNED = 20
_63_BITS = 2**63 - 1
_LOCK = 0x9E42
"""First number of the advisory locks of this module; the second is the tenant's."""

told_apart = Signal()
"""
Sent with `tenant_id`, `sha256` and `now`, in the deciding transaction, for every picture that
loses a borrowed analysis and needs a look of its own.
"""


class _Bits(Func):
    """Hexadecimal digits as PostgreSQL's bit string."""

    template = "('x' || %(expressions)s)::bit varying"
    output_field = CharField()


@dataclass(frozen=True, slots=True)
class Near:
    """
    A picture whose hash is `distance` bits away.

    `earlier`: it was remembered before the picture of `exclude`. Of two that come at once
    exactly one sees the other as earlier, so one waits and one is looked at.
    """

    sha256: str
    distance: int
    earlier: bool = True


def remember(*, tenant: Tenant, sha256: str, phash: PHash) -> None:
    """
    Idempotent; a hash of another size replaces the old one.

    Call it in no transaction and before `nearest`: it is on disk when it returns, and rows
    of a tenant are numbered in the order in which they became visible.
    """
    known = PictureHash.objects.filter(tenant=tenant, sha256=sha256)
    if known.filter(hash_size=phash.size, phash=str(phash)).exists():
        return
    row = PictureHash(
        tenant=tenant,
        sha256=sha256,
        hash_size=phash.size,
        phash=str(phash),
        bands=band_keys(tenant.pk, phash),
    )
    with transaction.atomic():
        _lock_tenant(tenant.pk)
        PictureHash.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["tenant", "sha256"],
            update_fields=["hash_size", "phash", "bands"],
        )


def nearest(
    *,
    tenant: Tenant,
    phash: PHash,
    exclude: str | None = None,
    limit: int = MOST_RETURNED,
    among: QuerySet[Any] | None = None,
) -> list[Near]:
    """
    Pictures within VISION_PHASH_MAX_DISTANCE, nearest first and oldest first.

    `exclude` is the picture that asks: neither it nor one that a person told apart from it
    is offered, nor is any whose analysis is itself borrowed. `among` is a queryset of one
    column, the SHA-256 of the pictures that come into question. Empty where
    VISION_PHASH_ENABLED is off. They look alike at 16 × 16 waves, no more: whoever shares
    asks `vision.duplicates.detection` first.
    """
    if not settings.VISION.vision_phash_enabled:
        return []
    found = _within(tenant, phash, settings.VISION.vision_phash_max_distance)
    own = None
    if exclude is not None:
        own = PictureHash.objects.filter(tenant=tenant, sha256=exclude).values("pk").first()
        found = found.exclude(sha256__in=[exclude, *told_apart_from(tenant, exclude)])
    if among is not None:
        found = found.filter(sha256__in=among)
    return [
        Near(sha256, bits, earlier=own is None or pk < own["pk"])
        for sha256, bits, pk in found.values_list("sha256", "bits_apart", "pk")[:limit]
    ]


def borrow(*, tenant: Tenant, sha256: str, near: Near) -> bool:
    """
    Note that `sha256` shares the analysis of `near`; idempotent.

    False where that may not be: one of them is not remembered, the other borrows itself, or
    a person has told them apart meanwhile. In the caller's transaction, with the settling.
    """
    with transaction.atomic():
        rows = _locked(tenant, [sha256, near.sha256])
        lender = rows.get(near.sha256)
        if sha256 not in rows or lender is None or lender.same_as:
            return False
        if near.sha256 in told_apart_from(tenant, sha256):
            return False
        PictureHash.objects.filter(pk=rows[sha256].pk).update(
            same_as=near.sha256, distance=near.distance
        )
    return True


def stand_alone(*, tenant: Tenant, sha256: str) -> None:
    """The picture got a look of its own: from now on it may lend."""
    PictureHash.objects.filter(tenant=tenant, sha256=sha256).exclude(same_as="").update(
        same_as="", distance=None
    )


def declare_distinct(
    *, tenant: Tenant, first: str, second: str, user: Any, now: datetime
) -> PictureDistinction:
    """
    “Not the same”: from now on neither lends to the other. Idempotent while it stands.

    Whichever borrowed from the other loses that, and `told_apart` is sent for it.
    """
    one, other = _ordered(first, second)
    with transaction.atomic():
        rows = _locked(tenant, [one, other])
        said, _created = PictureDistinction.objects.get_or_create(
            tenant=tenant,
            first_sha256=one,
            second_sha256=other,
            withdrawn_at=None,
            defaults={"declared_by": user, "declared_at": now},
        )
        for row in rows.values():
            if row.same_as in {one, other}:
                stand_alone(tenant=tenant, sha256=row.sha256)
                told_apart.send(sender=PictureHash, tenant_id=tenant.pk, sha256=row.sha256, now=now)
    return said


def withdraw(*, tenant: Tenant, first: str, second: str, user: Any, now: datetime) -> bool:
    """False where nothing stood. What was looked at meanwhile keeps its own analysis."""
    one, other = _ordered(first, second)
    standing = PictureDistinction.objects.filter(
        tenant=tenant, first_sha256=one, second_sha256=other, withdrawn_at=None
    )
    return bool(standing.update(withdrawn_by=user, withdrawn_at=now))


def told_apart_from(tenant: Tenant, sha256: str) -> list[str]:
    """What a person said is not the same as this picture."""
    standing = PictureDistinction.objects.filter(
        Q(first_sha256=sha256) | Q(second_sha256=sha256), tenant=tenant, withdrawn_at=None
    )
    pairs = standing.values_list("first_sha256", "second_sha256")
    return [second if first == sha256 else first for first, second in pairs]


def band_keys(tenant_id: UUID, phash: PHash) -> list[int]:
    """
    The pigeonholes of a hash, as PostgreSQL's bigint.

    Tenant, hash size and place are part of each, so nobody reads through the rows of others.
    A collision costs one more comparison.
    """
    pairs = zip(_seeds(tenant_id, phash.size), bands(phash, count=BANDS), strict=True)
    return [seed ^ (band & _63_BITS) for seed, band in pairs]


@lru_cache(maxsize=1024)
def _seeds(tenant_id: UUID, size: int) -> tuple[int, ...]:
    names = (f"{tenant_id.hex}:{size}:{place}".encode() for place in range(BANDS))
    digests = (hashlib.blake2b(name, digest_size=8).digest() for name in names)
    return tuple(int.from_bytes(digest, signed=True) for digest in digests)


def _within(tenant: Tenant, phash: PHash, most: int) -> QuerySet[Any]:
    bits = Func(
        _Bits(F("phash")),
        _Bits(Value(str(phash))),
        function="bit_count",
        arg_joiner=" # ",
        output_field=IntegerField(),
    )
    # In a CASE, for WHERE has no order: strings of different lengths have no distance.
    apart = Case(When(hash_size=phash.size, then=bits), output_field=IntegerField())
    rows = PictureHash.objects.filter(
        tenant=tenant, same_as="", bands__overlap=band_keys(tenant.pk, phash)
    )
    rows = rows.annotate(bits_apart=apart).filter(bits_apart__lte=most)
    return rows.order_by("bits_apart", "pk")


def _locked(tenant: Tenant, contents: Iterable[str]) -> dict[str, PictureHash]:
    rows = PictureHash.objects.filter(tenant=tenant, sha256__in=list(contents)).order_by("pk")
    return {row.sha256: row for row in rows.select_for_update()}


def _lock_tenant(tenant_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, tenant_id.int & 0x7FFFFFFF])


def _ordered(first: str, second: str) -> Sequence[str]:
    if first == second:
        raise ValueError("a picture is the same as itself")
    return sorted((first, second))
