"""The decision whether bytes fit the limits, without a database (CONTRACT §7.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from events.sentences import Sentence, gettext_noop

_FULL: Final = Sentence(
    gettext_noop(
        "%(reason)s: %(requested)s B > %(available)s B free of %(ceiling)s B; raised by %(setting)s"
    )
)


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """
    Bytes stored and reserved together, as each limit counts them.

    `bucket`: everything; `tenant`: all types of this tenant; `type`: this type of all tenants;
    `own_type`: this type of this tenant.
    """

    bucket: int
    tenant: int
    type: int
    own_type: int = 0

    def plus(self, size_bytes: int) -> "QuotaUsage":
        return QuotaUsage(
            self.bucket + size_bytes,
            self.tenant + size_bytes,
            self.type + size_bytes,
            self.own_type + size_bytes,
        )

    def without_bucket(self, size_bytes: int) -> "QuotaUsage":
        """Subtract an orphan, which only the bucket counts, before a tenant is charged with it."""
        return replace(self, bucket=self.bucket - size_bytes)


@dataclass(frozen=True, slots=True)
class QuotaCeilings:
    """
    The most each sum of `QuotaUsage` may reach, inclusive; `own_type` is None if not limited.

    `tenant_is_own`: the tenant has a limit of its own in place of the common one.
    """

    bucket: int
    tenant: int
    type: int
    own_type: int | None = None
    tenant_is_own: bool = False


@dataclass(frozen=True, slots=True)
class QuotaForecast:
    """Whether `requested` bytes would fit, and if not, the limit that refuses them."""

    reason: str  # "", "bucket_full", "tenant_limit" or "{content_type}_limit"
    requested: int
    available: int
    usage: QuotaUsage
    ceilings: QuotaCeilings

    @property
    def allowed(self) -> bool:
        return not self.reason

    @property
    def setting(self) -> str:
        """What raises the limit that refuses the bytes; empty where they fit."""
        if self.reason in {"", "bucket_full"}:
            return "S3_TOTAL_LIMIT_GB" if self.reason else ""
        if self.reason == "tenant_limit":
            own = gettext_noop("the tenant's own limit in the console")
            return own if self.ceilings.tenant_is_own else "S3_PER_TENANT_LIMIT_GB"
        kind = self.reason.removesuffix("_limit")
        if self.requested > self.ceilings.type - self.usage.type:
            return f"S3_{kind.upper()}_MAX_GB"
        return f"limits.{kind}_gb in the tenant's settings"

    def __str__(self) -> str:
        """Which limit is full, by how much, and what raises it."""
        return _FULL % {
            "reason": self.reason,
            "requested": self.requested,
            "available": self.available,
            "ceiling": self._ceiling,
            "setting": self.setting,
        }

    @property
    def _ceiling(self) -> int:
        by_reason = {"bucket_full": self.ceilings.bucket, "tenant_limit": self.ceilings.tenant}
        if self.reason in by_reason:
            return by_reason[self.reason]
        is_common = self.requested > self.ceilings.type - self.usage.type
        own = self.ceilings.own_type
        return self.ceilings.type if is_common or own is None else own

    @property
    def only_bucket_is_full(self) -> bool:
        """Whether evicting enough objects, of any tenant and type, would make the bytes fit."""
        narrower = (
            (self.usage.tenant, self.ceilings.tenant),
            (self.usage.type, self.ceilings.type),
            (self.usage.own_type, self.ceilings.own_type),
        )
        return (
            self.reason == "bucket_full"
            and self.requested <= self.ceilings.bucket
            and not any(
                used + self.requested > ceiling
                for used, ceiling in narrower
                # A ceiling not below the bucket's falls with the bucket: eviction helps there, too.
                if ceiling is not None and ceiling < self.ceilings.bucket
            )
        )


def decide(
    *, content_type: str, requested: int, usage: QuotaUsage, ceilings: QuotaCeilings
) -> QuotaForecast:
    """Compare with the limits of bucket, tenant, type; the first one exceeded is the reason."""
    own_type = ceilings.type if ceilings.own_type is None else ceilings.own_type
    room = {
        "bucket_full": ceilings.bucket - usage.bucket,
        "tenant_limit": ceilings.tenant - usage.tenant,
        f"{content_type}_limit": min(ceilings.type - usage.type, own_type - usage.own_type),
    }
    return QuotaForecast(
        reason=_first_exceeded(room, requested),
        requested=requested,
        available=max(0, min(room.values())),
        usage=usage,
        ceilings=ceilings,
    )


def _first_exceeded(room: Mapping[str, int], requested: int) -> str:
    exceeded: Iterable[str] = (reason for reason, free in room.items() if requested > free)
    return next(iter(exceeded), "")
