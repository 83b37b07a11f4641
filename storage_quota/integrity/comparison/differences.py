"""
Comparing a page of keys, where a difference counts only if it is seen twice.

Listing and ledger are read at different moments, while uploads and deletions go on. So each key
that seems to differ is looked at again, between two readings of the ledger: if its entry is the
same in both and nobody has reserved the key, the object has to be there now, however young it is.
An object that the ledger does not know is a stranger only once it is older than the grace period.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage_quota.integrity.comparison import reading
from storage_quota.integrity.comparison.merge_join import LedgerEntry, Pair
from storage_quota.integrity.comparison.sample import Sample, expected_digest
from storage_quota.models import DifferenceKind, Reservation, StoredObject
from storage_quota.object_store.port import ObjectInfo, ObjectStore, check_key


@dataclass(frozen=True, slots=True)
class Difference:
    kind: DifferenceKind
    key: str
    expected: str = ""
    found: str = ""
    info: ObjectInfo | None = None


@dataclass(frozen=True, slots=True)
class PageComparison:
    """
    The differences in one page of keys, and how much was read to find them.

    `too_young`: keys that differ, but are being written or deleted, or are younger strangers.
    """

    found: list[Difference]
    too_young: int = 0
    objects_read: int = 0
    bytes_read: int = 0


def compare_page(
    page: Sequence[Pair], *, store: ObjectStore, sample: Sample, before: datetime
) -> PageComparison:
    """Compare keys; an object unknown to the ledger and modified since `before` is too young."""
    suspected = {pair.key: pair.info for pair in page if _differs(pair)}
    read = {
        pair.entry: content
        for pair in page
        if pair.entry and is_sampled(pair, sample)
        if (content := reading.read(store, pair.key))
    }
    changed = [entry.key for entry, c in read.items() if c.sha256 != expected_digest(entry)]
    keys = [*suspected, *changed]
    reserved, entries = _current(keys)
    found: list[Difference] = []
    for key, listed in suspected.items():
        found += _compare(key, listed, entries.get(key), store=store)
    for key in changed:
        found += _compare_content(key, entries.get(key), store=store)
    # Read after the second look: an entry that was replaced or removed meanwhile explains it.
    reserved_now, entries_now = _current([difference.key for difference in found])
    unsettled = {
        difference.key
        for difference in found
        if difference.key in reserved | reserved_now
        or _version(entries.get(difference.key)) != _version(entries_now.get(difference.key))
        or (difference.info and difference.info.modified_at >= before)
    }
    return PageComparison(
        [difference for difference in found if difference.key not in unsettled],
        too_young=len(unsettled),
        objects_read=len(read),
        bytes_read=sum(content.size_bytes for content in read.values()),
    )


def is_sampled(pair: Pair, sample: Sample) -> bool:
    """Whether to read the object: no difference is known yet, and its hash is."""
    if pair.entry is None or pair.entry.damaged or _differs(pair):
        return False
    return sample.takes(pair.key) and bool(expected_digest(pair.entry))


def is_key(key: str) -> bool:
    """Whether the store can be asked about the key; foreign objects may have any name."""
    try:
        check_key(key)
    except ValueError:
        return False
    return True


def _differs(pair: Pair) -> bool:
    return pair.entry is None or pair.info is None or pair.entry.size_bytes != pair.info.size_bytes


def _current(keys: Iterable[str]) -> tuple[set[str], dict[str, StoredObject]]:
    """The keys that are reserved now, and the ledger's entries."""
    ours = [key for key in keys if is_key(key)]
    # Reservations first: a settle that commits in between moves a key from the reservations to
    # the ledger, so in this order it is seen on at least one side.
    reserved = set(Reservation.objects.filter(key__in=ours).values_list("key", flat=True))
    return reserved, StoredObject.objects.in_bulk(ours)


def _version(entry: StoredObject | None) -> tuple[object, ...]:
    return (entry.updated_at, entry.size_bytes, entry.sha256) if entry else ()


def _compare(
    key: str, listed: ObjectInfo | None, entry: StoredObject | None, *, store: ObjectStore
) -> Iterable[Difference]:
    info = store.head(key) if is_key(key) else listed
    if entry is None and info is not None:
        yield Difference(DifferenceKind.ORPHANED, key, found=f"{info.size_bytes} B", info=info)
    elif entry is not None and info is None:
        yield Difference(DifferenceKind.MISSING, key, expected=f"{entry.size_bytes} B")
    elif entry is not None and info is not None and entry.size_bytes != info.size_bytes:
        expected, found = f"{entry.size_bytes} B", f"{info.size_bytes} B"
        yield Difference(DifferenceKind.WRONG_SIZE, key, expected=expected, found=found)


def _compare_content(
    key: str, entry: StoredObject | None, *, store: ObjectStore
) -> Iterable[Difference]:
    """A difference, if the object read again still has another hash than the current entry."""
    content = reading.read(store, key) if entry else None
    if entry is None or content is None:
        return
    expected = expected_digest(LedgerEntry(entry.key, entry.size_bytes, entry.sha256))
    if expected != content.sha256:
        found = content.error or content.sha256
        yield Difference(DifferenceKind.WRONG_HASH, key, expected=expected, found=found[:100])
