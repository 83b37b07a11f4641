"""
A difference is believed only when it is seen twice.

Listing and ledger are read at different moments, while uploads go on. So whatever seems to
differ is looked at again: nothing that is promised to somebody counts, nothing younger than
the grace, and the store is asked about the key itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage_quota.integrity import reading
from storage_quota.integrity.merge_join import Line, Pair
from storage_quota.integrity.sample import Sample, expected_digest
from storage_quota.models import Finding, Reservation, StoredObject
from storage_quota.object_store.port import ObjectInfo, ObjectStore, check_key


@dataclass(frozen=True, slots=True)
class Found:
    kind: Finding
    key: str
    expected: str = ""
    found: str = ""
    info: ObjectInfo | None = None


@dataclass(frozen=True, slots=True)
class Judgment:
    """Of one page: what differs, and what was read to know it."""

    found: list[Found]
    objects_read: int = 0
    bytes_read: int = 0


def judge(
    page: Sequence[Pair], *, store: ObjectStore, sample: Sample, before: datetime
) -> Judgment:
    """`before`: what is younger is left to the next round."""
    doubted = {pair.key: pair.info for pair in page if _differs(pair)}
    read = {
        pair.line: content
        for pair in page
        if pair.line and is_sampled(pair, sample)
        if (content := reading.read(store, pair.key))
    }
    suspicious = {line.key: c for line, c in read.items() if c.sha256 != expected_digest(line)}
    promised, entries = _entries([*doubted, *suspicious])
    found: list[Found] = []
    for key, listed in doubted.items():
        if key not in promised:
            found += _compare(key, listed, entries.get(key), store=store, before=before)
    for key, content in suspicious.items():
        if key not in promised:
            found += _compare_content(key, content, entries.get(key), before=before)
    return Judgment(found, len(read), sum(content.size_bytes for content in read.values()))


def is_sampled(pair: Pair, sample: Sample) -> bool:
    """Whether to read it: nothing is known to be wrong, and there is a hash to compare."""
    if pair.line is None or pair.line.damaged or _differs(pair):
        return False
    return sample.takes(pair.key) and bool(expected_digest(pair.line))


def is_key(key: str) -> bool:
    """Whether the store can be asked about it; strangers may have named an object anyhow."""
    try:
        check_key(key)
    except ValueError:
        return False
    return True


def _differs(pair: Pair) -> bool:
    return pair.line is None or pair.info is None or pair.line.size_bytes != pair.info.size_bytes


def _entries(keys: Iterable[str]) -> tuple[set[str], dict[str, StoredObject]]:
    """
    Promises are read first: a settle that commits in between moves a key from the promises
    to the ledger, so it is seen on at least one side.
    """
    ours = [key for key in keys if is_key(key)]
    promised = set(Reservation.objects.filter(key__in=ours).values_list("key", flat=True))
    return promised, StoredObject.objects.in_bulk(ours)


def _compare(
    key: str,
    listed: ObjectInfo | None,
    entry: StoredObject | None,
    *,
    store: ObjectStore,
    before: datetime,
) -> Iterable[Found]:
    info = store.head(key) if is_key(key) else listed
    if (entry and entry.updated_at >= before) or (info and info.modified_at >= before):
        return
    if entry is None and info is not None:
        yield Found(Finding.ORPHANED, key, found=f"{info.size_bytes} B", info=info)
    elif entry is not None and info is None:
        yield Found(Finding.MISSING, key, expected=f"{entry.size_bytes} B")
    elif entry is not None and info is not None and entry.size_bytes != info.size_bytes:
        expected, found = f"{entry.size_bytes} B", f"{info.size_bytes} B"
        yield Found(Finding.WRONG_SIZE, key, expected=expected, found=found)


def _compare_content(
    key: str, content: reading.Content, entry: StoredObject | None, *, before: datetime
) -> Iterable[Found]:
    """Only if the entry still expects something else than what was read."""
    if entry is None or entry.updated_at >= before:
        return
    expected = expected_digest(Line(entry.key, entry.size_bytes, entry.sha256))
    if expected != content.sha256:
        found = content.trouble or content.sha256
        yield Found(Finding.WRONG_HASH, key, expected=expected, found=found[:100])
