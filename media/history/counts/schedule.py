"""
When the counts of a post are read again, by its age. Pure.

| Age of the post | Read every |
|---|---|
| up to 1 hour | 10 minutes |
| up to 6 hours | 30 minutes |
| up to 1 day | 2 hours |
| up to 7 days | 1 day |
| up to 30 days | 3 days |
| up to 1 year | 30 days |
| after that | year |

The same table says what is kept: of each of these intervals, the last reading. So a post has at
most 53 in its first year, and one more for each year after that.
"""

from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_BANDS: Final = (
    (_HOUR, timedelta(minutes=10)),
    (6 * _HOUR, timedelta(minutes=30)),
    (_DAY, 2 * _HOUR),
    (7 * _DAY, _DAY),
    (30 * _DAY, 3 * _DAY),
    (365 * _DAY, 30 * _DAY),
)
"""The age up to which it counts, and how often counts are read until then."""
_AFTER_THAT: Final = 365 * _DAY
_STARTS: Final = (timedelta(), *(until for until, _ in _BANDS))
_SIZES: Final = [
    -((start - until) // every) for start, (until, every) in zip(_STARTS, _BANDS, strict=False)
]
_OFFSETS: Final = (0, *accumulate(_SIZES))
_MOST_BUCKETS: Final = 32_000
"""What the column holds."""


def next_reading(age: timedelta) -> timedelta:
    """Return after how long the counts of a post of this age are read again."""
    return next((every for until, every in _BANDS if age < until), _AFTER_THAT)


def bucket_of(age: timedelta) -> int:
    """Return the number of the interval of the table above in which a post of this age is."""
    age = max(age, timedelta())
    for start, offset, (until, every) in zip(_STARTS, _OFFSETS, _BANDS, strict=False):
        if age < until:
            return offset + (age - start) // every
    return min(_OFFSETS[-1] + (age - _STARTS[-1]) // _AFTER_THAT, _MOST_BUCKETS)


def due_after(read_at: datetime, *, posted_at: datetime) -> datetime:
    """Return when the counts that were read just now are due again."""
    return read_at + next_reading(read_at - posted_at)
