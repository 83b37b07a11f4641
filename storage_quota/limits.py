"""The limits, as a pure decision (CONTRACT §7.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Usage:
    """
    Bytes taken, stored and promised together: in all, by this tenant, by this type.

    `own_type` is where both meet: this tenant's objects of this type.
    """

    bucket: int
    tenant: int
    type: int
    own_type: int = 0

    def plus(self, size_bytes: int) -> "Usage":
        return Usage(
            self.bucket + size_bytes,
            self.tenant + size_bytes,
            self.type + size_bytes,
            self.own_type + size_bytes,
        )

    def without_bucket(self, size_bytes: int) -> "Usage":
        """Bytes that are charged to the bucket alone are about to be charged to somebody."""
        return replace(self, bucket=self.bucket - size_bytes)


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What each of them may reach, inclusively. Not every tenant has limits of its own by type."""

    bucket: int
    tenant: int
    type: int
    own_type: int | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """Would `requested` bytes fit, and if not, which limit says so?"""

    reason: str  # "", "bucket_full", "tenant_limit" or "{content_type}_limit"
    requested: int
    available: int
    usage: Usage
    ceilings: Ceilings

    @property
    def allowed(self) -> bool:
        return not self.reason

    @property
    def only_bucket_is_full(self) -> bool:
        """With enough room in the bucket it would be allowed, whoever's objects made room."""
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
                if ceiling is not None and ceiling < self.ceilings.bucket
            )
        )


def decide(*, content_type: str, requested: int, usage: Usage, ceilings: Ceilings) -> Forecast:
    """The first limit that would be passed gives the reason: bucket, tenant, type."""
    own_type = ceilings.type if ceilings.own_type is None else ceilings.own_type
    room = {
        "bucket_full": ceilings.bucket - usage.bucket,
        "tenant_limit": ceilings.tenant - usage.tenant,
        f"{content_type}_limit": min(ceilings.type - usage.type, own_type - usage.own_type),
    }
    return Forecast(
        reason=_first_passed(room, requested),
        requested=requested,
        available=max(0, min(room.values())),
        usage=usage,
        ceilings=ceilings,
    )


def _first_passed(room: Mapping[str, int], requested: int) -> str:
    passed: Iterable[str] = (reason for reason, free in room.items() if requested > free)
    return next(iter(passed), "")
