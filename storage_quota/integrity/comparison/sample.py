"""
Choosing which objects a check reads whole.

Keys are spread over a ring, and each check takes the next window of it: with 5 %, every object
was read after twenty checks.
"""

import zlib
from dataclasses import dataclass
from typing import Final

from storage_quota import keys
from storage_quota.integrity.comparison.merge_join import LedgerEntry

RING_SIZE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Sample:
    """A window of the ring: `percent` of it, beginning at `start`."""

    percent: float
    start: int = 0

    @property
    def width(self) -> int:
        return round(self.percent / 100 * RING_SIZE)

    def takes(self, key: str) -> bool:
        return (zlib.crc32(key.encode()) - self.start) % RING_SIZE < self.width

    def next_start(self) -> int:
        return (self.start + self.width) % RING_SIZE


def expected_digest(entry: LedgerEntry) -> str:
    """The SHA-256 that the stored bytes should have, from the ledger or from a medium's key."""
    return entry.sha256 or keys.content_digest(entry.key)
