"""How an object store fails; adapters translate the errors of their libraries into these."""

from typing import Any, ClassVar

from events.errors import DomainError, RetryLater


class ObjectMissing(DomainError):
    """The store answered that there is no such object."""

    code: ClassVar[str] = "object_missing"
    http_status: ClassVar[int] = 404

    def __init__(self, key: str) -> None:
        super().__init__(f"No object has the key {key}")
        self.key = key

    def context(self) -> dict[str, Any]:
        return {"key": self.key}


class StoreUnavailable(RetryLater):
    """The store did not answer, so its contents are unknown; this never means `absent`."""


class StoreFull(DomainError):
    """The disk or account behind the store has no space, whatever the quota says."""

    code: ClassVar[str] = "store_full"
    http_status: ClassVar[int] = 507


class StoreNotWritable(DomainError):
    """The store allows reading, but not writing."""

    code: ClassVar[str] = "store_not_writable"
    http_status: ClassVar[int] = 500


class StoreForbidden(DomainError):
    """The store refused our credentials or has no such bucket."""

    code: ClassVar[str] = "store_forbidden"
    http_status: ClassVar[int] = 500


class RightMissing(StoreForbidden):
    """The store knows us, and denies this one operation; others may work."""

    code: ClassVar[str] = "right_missing"


class ReservationMismatch(DomainError):
    """More bytes than reserved, or a reservation too old to write for; nothing was stored."""

    code: ClassVar[str] = "reservation_mismatch"
    http_status: ClassVar[int] = 500


class MoreThanReserved(ReservationMismatch):
    """The body has more bytes than were reserved: it is not the one that was measured."""


class StoreLacks(DomainError):
    """The store has no such operation, which is no outage: what needs it is left out."""

    code: ClassVar[str] = "store_lacks"
    http_status: ClassVar[int] = 501


class LifecycleUnsupported(StoreLacks):
    """The store has no lifecycle rules; the application deletes by itself."""

    code: ClassVar[str] = "lifecycle_unsupported"
    http_status: ClassVar[int] = 501


class LifecycleNeedless(LifecycleUnsupported):
    """The store is a folder of this machine: it never has such rules, and nothing is lacking."""


OUT_OF_ORDER = (StoreUnavailable, StoreNotWritable, StoreForbidden)
"""Failures of the store itself: the same call may succeed once it is repaired."""
