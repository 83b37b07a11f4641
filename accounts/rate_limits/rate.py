"""A rate as it is configured: `600/min`."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils.functional import cached_property

PERIODS: Final = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "day": timedelta(days=1),
}
MOST: Final = 100_000
"""Requests in a period at most; then the time between two is still many microseconds."""
_WRITTEN: Final = re.compile(rf"(?P<count>[1-9]\d*)/(?P<period>{'|'.join(PERIODS)})", re.ASCII)


@dataclass(frozen=True)
class Rate:
    """So many requests at once; each is given back `interval` after the one before it."""

    count: int
    period: timedelta

    @cached_property
    def interval(self) -> timedelta:
        return self.period / self.count

    @cached_property
    def capacity(self) -> timedelta:
        """What `count` requests take. The period itself may be some microseconds off."""
        return self.interval * self.count


def parse(text: str) -> Rate | None:
    """Read a rate such as `600/min`; None for an empty text. Raises ValueError."""
    if not text.strip():
        return None
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or int(found["count"]) > MOST:
        raise ValueError(
            f"is no rate: write a number up to {MOST} and one of {', '.join(PERIODS)}, such as"
            " 600/min; leave it empty for no limit"
        )
    return Rate(int(found["count"]), PERIODS[found["period"]])


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of the API by who is counted; None: no limit."""

    per_token: Rate | None = None
    per_user: Rate | None = None
    per_address: Rate | None = None
    failures: Rate | None = None
    questions: Rate | None = None


NONE: Final = Rates()
