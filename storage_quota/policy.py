"""The limits, as a pure decision (CONTRACT §7.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes taken, stored and promised together: in all, by this tenant, by this type."""

    bucket: int
    tenant: int
    type: int

    def plus(self, size_bytes: int) -> "Usage":
        return Usage(self.bucket + size_bytes, self.tenant + size_bytes, self.type + size_bytes)


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What each of the three may reach, inclusively."""

    bucket: int
    tenant: int
    type: int


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


def decide(*, content_type: str, requested: int, usage: Usage, ceilings: Ceilings) -> Forecast:
    """The first limit that would be passed gives the reason: bucket, tenant, type."""
    room = {
        "bucket_full": ceilings.bucket - usage.bucket,
        "tenant_limit": ceilings.tenant - usage.tenant,
        f"{content_type}_limit": ceilings.type - usage.type,
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
