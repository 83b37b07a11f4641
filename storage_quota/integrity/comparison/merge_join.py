"""Ledger and bucket side by side, in constant memory: both are read in the order of keys."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from django.db import connection

from storage_quota import keys
from storage_quota.integrity.errors import ListingUnordered
from storage_quota.object_store.port import ObjectInfo

ENTRIES_PER_PAGE: Final = 5_000


class LedgerEntry(NamedTuple):
    """What the ledger says about a key."""

    key: str
    size_bytes: int
    sha256: str
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """One key in the ledger (`entry`) and in the bucket (`info`); one of the two may be None."""

    key: str
    entry: LedgerEntry | None
    info: ObjectInfo | None


def joined(entries: Iterator[LedgerEntry], infos: Iterator[ObjectInfo]) -> Iterator[Pair]:
    """Merge two sequences, both ordered by key, as a full outer join."""
    entry, info = next(entries, None), next(infos, None)
    while entry is not None or info is not None:
        if info is None or (entry is not None and entry.key < info.key):
            assert entry is not None  # noqa: S101 - for mypy; the loop's condition says it
            yield Pair(entry.key, entry, None)
            entry = next(entries, None)
        elif entry is None or info.key < entry.key:
            yield Pair(info.key, None, info)
            info = next(infos, None)
        else:
            yield Pair(info.key, entry, info)
            entry, info = next(entries, None), next(infos, None)


def ledger_entries(*, after: str) -> Iterator[LedgerEntry]:
    """
    Read the ledger page by page, each in a query of its own: no transaction stays open.

    The order is that of the key's bytes, whatever the collation of the database is.
    """
    last = _sayable(after)
    while page := _page(last):
        yield from (entry for entry in page if entry.key > after)
        last = page[-1].key


def bucket_objects(infos: Iterable[ObjectInfo]) -> Iterator[ObjectInfo]:
    """
    Leave out markers, and the empty “folders” that some S3 browsers make.

    Raises ListingUnordered: a join of an unordered listing would report nonsense.
    """
    before = ""
    for info in infos:
        if info.key <= before:
            raise ListingUnordered(before, info.key)
        before = info.key
        is_folder = info.key.endswith("/") and not info.size_bytes
        if not is_folder and not info.key.startswith(keys.MARKERS):
            yield info


def _sayable(key: str) -> str:
    """The longest beginning of a stranger's key that PostgreSQL takes as text."""
    return re.split("[\0\ud800-\udfff]", key, maxsplit=1)[0]


def _page(after: str) -> list[LedgerEntry]:
    with connection.cursor() as cursor:
        # ~>~ and ~<~ compare bytes, and can use the index that Django makes for LIKE on a key.
        cursor.execute(
            """
            SELECT key, size_bytes, sha256, damaged_at IS NOT NULL
            FROM storage_quota_storedobject
            WHERE key ~>~ %s ORDER BY key USING ~<~ LIMIT %s
            """,
            [after, ENTRIES_PER_PAGE],
        )
        return [LedgerEntry(*row) for row in cursor.fetchall()]
