"""
Index of perceptual hashes: which pictures of a tenant may be duplicates of a given one.

The search uses the pigeonhole principle: a hash is dealt out into 13 numbers, so two hashes that
differ in at most 12 bits have one in common, and a GIN index finds the rows that do. Exact
distances are then computed for those few only. The tenant is part of each number and each WHERE.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import (
    Case,
    CharField,
    F,
    Func,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.models import Tenant
from events.postgresql import advisory_locks
from vision.duplicates import phash as hashes
from vision.duplicates.phash import PHash
from vision.models.duplicates import BANDS, PictureDistinction, PictureHash

MAX_RETURNED = 20
NEAREST = ("sha256", "bits_apart", "pk")
"""Columns of `candidates` that make a match."""
_63_BITS = 2**63 - 1


class _Bits(Func):
    """Casts hexadecimal digits to PostgreSQL's bit string."""

    template = "('x' || %(expressions)s)::bit varying"
    output_field = CharField()


@dataclass(frozen=True, slots=True)
class HashMatch:
    """
    A picture whose hash is `distance` bits away.

    `is_earlier`: it was remembered before the picture that is searched for. Of two that arrive
    at once, exactly one sees the other as earlier.
    """

    sha256: str
    distance: int
    is_earlier: bool = True


def remember(*, tenant: Tenant, sha256: str, phash: PHash) -> None:
    """
    Store the hash of a picture; a hash of another size replaces the old one. Idempotent.

    Call it outside a transaction and before `find_similar`: it has been committed when it
    returns, so that of two duplicates at least the later one finds the other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _REMEMBER,
            {
                "turn": advisory_locks.key_of(f"vision:hashes:{tenant.pk}"),
                "tenant": tenant.pk,
                "sha256": sha256,
                "hash_size": phash.size,
                "phash": str(phash),
                "bands": band_keys(tenant.pk, phash),
                "now": timezone.now(),
            },
        )


# In turn, so that primary keys grow in the order in which rows become visible: `is_earlier`
# compares them. The key of a new row is drawn when `turn` has its lock, and the lock is held until
# the commit of this statement. A hash that is known already takes no turn.
_REMEMBER = """
    WITH known AS MATERIALIZED (
        SELECT id FROM picture_hashes
        WHERE tenant_id = %(tenant)s AND sha256 = %(sha256)s
          AND hash_size = %(hash_size)s AND phash = %(phash)s
    ), turn AS MATERIALIZED (
        SELECT pg_advisory_xact_lock(%(turn)s)::text AS taken WHERE NOT EXISTS (SELECT FROM known)
    ), made AS (
        INSERT INTO picture_hashes
               (tenant_id, sha256, hash_size, phash, bands, same_as, distance, remembered_at)
        SELECT %(tenant)s, %(sha256)s, %(hash_size)s, %(phash)s, %(bands)s::bigint[], '', NULL,
               %(now)s
        FROM turn WHERE taken IS NOT NULL
        ON CONFLICT (tenant_id, sha256) DO UPDATE SET
            hash_size = excluded.hash_size, phash = excluded.phash, bands = excluded.bands
        RETURNING id
    )
    SELECT count(*) FROM made
"""


def find_similar(
    *,
    tenant: Tenant,
    phash: PHash,
    exclude: str | None = None,
    limit: int = MAX_RETURNED,
    among: QuerySet[Any] | None = None,
    nearest: Sequence[Any] | None = None,
) -> list[HashMatch]:
    """
    Pictures within VISION_PHASH_MAX_DISTANCE, nearest first, then oldest first.

    `exclude` is the picture that is searched for: neither it nor one that a person marked as
    distinct from it is returned, nor any that reuses an analysis itself. `among` is a queryset
    whose `sha256` are the pictures to search in; it needs an index that begins with its filters
    and `sha256`. `nearest` are the NEAREST of the first `candidates`, where a prepared statement has
    found them already. Empty where VISION_PHASH_ENABLED is off. A match is only a proposal:
    `vision.duplicates.detection` compares the pixels.
    """
    if not settings.VISION.vision_phash_enabled:
        return []
    if nearest is None or nearest:
        found = candidates(**sought(tenant.pk, phash), exclude=exclude, among=among)
    near = list(found.values_list(*NEAREST)[:limit]) if nearest is None else nearest
    if exclude is None or not near:
        return _matches(near, own_id=None)
    distinct = PictureDistinction.objects.distinct_from(tenant=tenant, sha256=exclude)
    if any(sha256 in distinct for sha256, *_ in near):  # which may have kept others out
        near = list(found.exclude(sha256__in=distinct).values_list(*NEAREST)[:limit])
    own = PictureHash.objects.filter(tenant=tenant, sha256=exclude)
    return _matches(near, own_id=own.values_list("pk", flat=True).first())


def find_like_copies(
    *, tenant: Tenant, phash: PHash, exclude: str, limit: int
) -> list[tuple[str, int]]:
    """
    The nearest of the pictures that reuse an analysis, which `find_similar` leaves out, with their distances.

    Two copies of a picture may be farther from each other than either is from it, so neither is
    found by the other's source. What a person marked as distinct is none.
    """
    if not settings.VISION.vision_phash_enabled:
        return []
    copies = _within(PictureHash.objects.exclude(same_as=""), **sought(tenant.pk, phash))
    distinct = PictureDistinction.objects.distinct_from(tenant=tenant, sha256=exclude)
    found = copies.exclude(sha256__in=[exclude, *distinct])
    return list(found.values_list("sha256", "bits_apart")[:limit])


def sought(tenant_id: UUID, phash: PHash) -> dict[str, Any]:
    """What `candidates` looks for: values, of which its statement does not depend."""
    return {
        "owner": str(tenant_id),
        "hash_size": phash.size,
        "digits": str(phash),
        "bands": band_keys(tenant_id, phash),
        "most": settings.VISION.vision_phash_max_distance,
    }


def candidates(*, exclude: str | None, among: QuerySet[Any] | None, **values: Any) -> QuerySet[Any]:
    """
    Those that `find_similar` chooses among, with any that are marked as distinct.

    `values` are those that `sought` returns.
    """
    found = _within(PictureHash.objects.filter(same_as=""), **values)
    if exclude is not None:
        found = found.exclude(sha256=exclude)
    if among is not None:
        # A scalar subquery is never turned into a join: PostgreSQL looks up each match by
        # itself. For `IN` it read all analyses of the tenant and hashed them, at every search.
        same = among.filter(sha256=OuterRef("sha256")).values("sha256")[:1]
        found = found.annotate(among=Subquery(same)).filter(among__isnull=False)
    return found


def _matches(near: Iterable[tuple[str, int, int]], *, own_id: int | None) -> list[HashMatch]:
    return [
        HashMatch(sha256, bits, is_earlier=own_id is None or pk < own_id)
        for sha256, bits, pk in near
    ]


def reuse(*, tenant: Tenant, sha256: str, source: HashMatch) -> bool:
    """
    Record that `sha256` reuses the analysis of `source`, in the caller's transaction. Idempotent.

    False where that is not allowed: one of them is not remembered, the source reuses an analysis
    itself, or a person has marked them as distinct meanwhile.
    """
    with transaction.atomic():
        rows = lock_hashes(tenant, [sha256, source.sha256])
        other = rows.get(source.sha256)
        if sha256 not in rows or other is None or other.same_as:
            return False
        # Read after the locks: whoever marks the two as distinct holds them, too.
        distinct = PictureDistinction.objects.distinct_from(tenant=tenant, sha256=sha256)
        if source.sha256 in distinct:
            return False
        PictureHash.objects.filter(pk=rows[sha256].pk).update(
            same_as=source.sha256, distance=source.distance
        )
    return True


def stand_alone(*, tenant_id: UUID, sha256: str) -> None:
    """Record that the picture has an analysis of its own: it may be a source from now on."""
    PictureHash.objects.filter(tenant=tenant_id, sha256=sha256).exclude(same_as="").update(
        same_as="", distance=None
    )


def lock_hashes(tenant: Tenant, contents: Iterable[str]) -> dict[str, PictureHash]:
    """The rows of these pictures by SHA-256, locked until the transaction ends."""
    rows = PictureHash.objects.filter(tenant=tenant, sha256__in=list(contents)).order_by("pk")
    # Ordered by key: two transactions that lock the same pair do not wait for each other.
    return {row.sha256: row for row in rows.select_for_update()}


def band_keys(tenant_id: UUID, phash: PHash) -> list[int]:
    """
    The numbers under which a hash is indexed, each a PostgreSQL bigint.

    Tenant, hash size and position are mixed into each number, so a search does not read through
    rows of other tenants. A collision costs one more comparison.
    """
    pairs = zip(_seeds(tenant_id, phash.size), hashes.bands(phash, count=BANDS), strict=True)
    return [seed ^ (band & _63_BITS) for seed, band in pairs]


@lru_cache(maxsize=1024)
def _seeds(tenant_id: UUID, size: int) -> tuple[int, ...]:
    names = (f"{tenant_id.hex}:{size}:{position}".encode() for position in range(BANDS))
    digests = (hashlib.blake2b(name, digest_size=8).digest() for name in names)
    return tuple(int.from_bytes(digest, signed=True) for digest in digests)


def _within(
    rows: QuerySet[Any], *, owner: str, hash_size: int, digits: str, bands: list[int], most: int
) -> QuerySet[Any]:
    bits = Func(
        _Bits(F("phash")),
        _Bits(Value(digits)),
        function="bit_count",
        arg_joiner=" # ",
        output_field=IntegerField(),
    )
    # A CASE, because the conditions of a WHERE may be evaluated in any order: PostgreSQL raises
    # an error where it compares bit strings of different lengths.
    apart = Case(When(hash_size=hash_size, then=bits), output_field=IntegerField())
    # The tenant as text, so that only the index of `bands` fits: for a tenant that the statistics
    # do not know yet PostgreSQL expects one row, and would read all of the tenant's hashes.
    tenant = Cast("tenant", TextField())
    rows = rows.filter(bands__overlap=bands)
    rows = rows.annotate(owner=tenant, bits_apart=apart).filter(owner=owner)
    rows = rows.filter(bits_apart__lte=most)
    return rows.order_by("bits_apart", "pk")
