"""
Which objects are read whole.

Each round takes the next window of the ring that keys are spread over, so with 5 % every
object was read after twenty rounds.
"""

import zlib
from dataclasses import dataclass
from typing import Final

from storage_quota import keys
from storage_quota.integrity.merge_join import Line

SLOTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Sample:
    percent: float
    start: int = 0

    @property
    def width(self) -> int:
        return round(self.percent / 100 * SLOTS)

    def takes(self, key: str) -> bool:
        return (zlib.crc32(key.encode()) - self.start) % SLOTS < self.width

    def next_start(self) -> int:
        return (self.start + self.width) % SLOTS


def expected_digest(line: Line) -> str:
    """What the bytes should hash to; empty if nobody knows. A medium's name says it, too."""
    return line.sha256 or keys.content_digest(line.key)
