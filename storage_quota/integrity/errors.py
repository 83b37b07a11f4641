"""Reasons why a check or a repair was not done."""

from typing import Any, ClassVar

from events.errors import DomainError
from events.sentences import Sentence, gettext_noop
from storage_quota.object_store.errors import OUT_OF_ORDER, StoreFull

_MISSING = Sentence(
    gettext_noop(
        "%(missing)s of %(entries)s objects look missing, more than %(percent)s %%: nothing was repaired. Is this the right bucket, and all of it? If it is, raise --max-missing-percent"
    )
)
_UNORDERED = Sentence(
    gettext_noop("The store lists %(after)s after %(before)s: not in the order of keys")
)


class WrongBucket(DomainError):
    """The bucket carries the marker of another installation."""

    code: ClassVar[str] = "wrong_bucket"
    http_status: ClassVar[int] = 409


class MarkerMissing(DomainError):
    """The bucket lacks our marker: it may be another bucket, or a folder that is not mounted."""

    code: ClassVar[str] = "marker_missing"
    http_status: ClassVar[int] = 409


class ListingUnordered(DomainError):
    """The store does not list keys in order, so it cannot be compared in one pass."""

    code: ClassVar[str] = "listing_unordered"
    http_status: ClassVar[int] = 500

    def __init__(self, before: str, after: str) -> None:
        super().__init__(_UNORDERED % {"after": repr(after), "before": repr(before)})


class CheckRunning(DomainError):
    """Another process is checking this bucket."""

    code: ClassVar[str] = "check_running"
    http_status: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("Another check of the storage is running; wait for it to end")
        )


class TooMuchMissing(DomainError):
    """So many objects are missing that the bucket is more likely to be wrong than the ledger."""

    code: ClassVar[str] = "too_much_missing"
    http_status: ClassVar[int] = 409

    def __init__(self, *, missing: int, entries: int, percent: float) -> None:
        super().__init__(
            _MISSING % {"missing": missing, "entries": entries, "percent": f"{percent:g}"}
        )
        self.missing, self.entries, self.percent = missing, entries, percent

    def context(self) -> dict[str, Any]:
        return {"missing": self.missing, "entries": self.entries, "percent": self.percent}


CANNOT_CHECK = (
    WrongBucket,
    MarkerMissing,
    ListingUnordered,
    CheckRunning,
    StoreFull,  # an object without bytes marks the bucket, and a full one refuses that, too
    *OUT_OF_ORDER,
)
