"""Books and bucket side by side, in constant memory: both come in the order of keys."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from django.db import connection

from storage_quota import keys
from storage_quota.integrity.errors import ListingUnordered
from storage_quota.object_store.port import ObjectInfo

LINES_AT_ONCE: Final = 5_000


class Line(NamedTuple):
    """What the ledger says of a key."""

    key: str
    size_bytes: int
    sha256: str
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """One key as the books and the bucket know it; one of the two may not."""

    key: str
    line: Line | None
    info: ObjectInfo | None


def joined(lines: Iterator[Line], infos: Iterator[ObjectInfo]) -> Iterator[Pair]:
    line, info = next(lines, None), next(infos, None)
    while line is not None or info is not None:
        if info is None or (line is not None and line.key < info.key):
            assert line is not None  # noqa: S101 - for mypy; the loop's condition says it
            yield Pair(line.key, line, None)
            line = next(lines, None)
        elif line is None or info.key < line.key:
            yield Pair(info.key, None, info)
            info = next(infos, None)
        else:
            yield Pair(info.key, line, info)
            line, info = next(lines, None), next(infos, None)


def lines(*, after: str) -> Iterator[Line]:
    """
    The ledger, page by page; each page is a look of its own, so no transaction stays open.

    The order is that of bytes, whatever the collation of the database: that of the index
    Django makes for LIKE on a primary key, which these operators belong to.
    """
    while page := _page(after):
        yield from page
        after = page[-1].key


def objects(infos: Iterable[ObjectInfo]) -> Iterator[ObjectInfo]:
    """The listing without markers and the empty “folders” some S3 browsers leave behind."""
    before = ""
    for info in infos:
        if info.key <= before:
            raise ListingUnordered(before, info.key)
        before = info.key
        is_folder = info.key.endswith("/") and not info.size_bytes
        if not is_folder and not info.key.startswith(keys.MARKERS):
            yield info


def _page(after: str) -> list[Line]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT key, size_bytes, sha256, damaged_at IS NOT NULL
            FROM storage_quota_storedobject
            WHERE key ~>~ %s ORDER BY key USING ~<~ LIMIT %s
            """,
            [after, LINES_AT_ONCE],
        )
        return [Line(*row) for row in cursor.fetchall()]
