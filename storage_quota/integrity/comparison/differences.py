"""
Comparing a page of keys, where a difference counts only if it is seen twice.

Listing and ledger are read at different moments, while uploads go on. So each key that seems to
differ is examined again: a key with a reservation or younger than the grace period is left
out, and the store is asked about the key itself.
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
    """The differences in one page of keys, and how much was read to find them."""

    found: list[Difference]
    objects_read: int = 0
    bytes_read: int = 0


def compare_page(
    page: Sequence[Pair], *, store: ObjectStore, sample: Sample, before: datetime
) -> PageComparison:
    """Compare keys; what was written at `before` or later is left to the next check."""
    suspected = {pair.key: pair.info for pair in page if _differs(pair)}
    read = {
        pair.entry: content
        for pair in page
        if pair.entry and is_sampled(pair, sample)
        if (content := reading.read(store, pair.key))
    }
    suspicious = {entry.key: c for entry, c in read.items() if c.sha256 != expected_digest(entry)}
    reserved, entries = _current([*suspected, *suspicious])
    found: list[Difference] = []
    for key, listed in suspected.items():
        if key not in reserved:
            found += _compare(key, listed, entries.get(key), store=store, before=before)
    for key, content in suspicious.items():
        if key not in reserved:
            found += _compare_content(key, content, entries.get(key), before=before)
    return PageComparison(found, len(read), sum(content.size_bytes for content in read.values()))


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


def _compare(
    key: str,
    listed: ObjectInfo | None,
    entry: StoredObject | None,
    *,
    store: ObjectStore,
    before: datetime,
) -> Iterable[Difference]:
    info = store.head(key) if is_key(key) else listed
    if (entry and entry.updated_at >= before) or (info and info.modified_at >= before):
        return
    if entry is None and info is not None:
        yield Difference(DifferenceKind.ORPHANED, key, found=f"{info.size_bytes} B", info=info)
    elif entry is not None and info is None:
        yield Difference(DifferenceKind.MISSING, key, expected=f"{entry.size_bytes} B")
    elif entry is not None and info is not None and entry.size_bytes != info.size_bytes:
        expected, found = f"{entry.size_bytes} B", f"{info.size_bytes} B"
        yield Difference(DifferenceKind.WRONG_SIZE, key, expected=expected, found=found)


def _compare_content(
    key: str, content: reading.ObjectContent, entry: StoredObject | None, *, before: datetime
) -> Iterable[Difference]:
    """A difference, if the current entry still expects another hash than the one read."""
    if entry is None or entry.updated_at >= before:
        return
    expected = expected_digest(LedgerEntry(entry.key, entry.size_bytes, entry.sha256))
    if expected != content.sha256:
        found = content.error or content.sha256
        yield Difference(DifferenceKind.WRONG_HASH, key, expected=expected, found=found[:100])
