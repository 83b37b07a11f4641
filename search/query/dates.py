"""Dates of a query: days, months and years, also relative to the day of the person who asks."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from search.query.parsed import Period
from search.query.vocabulary import TODAY, UNITS, YESTERDAY, keyword

FIRST_YEAR, LAST_YEAR = 1970, 2100
"""Nothing is older in Telegram; far from the ends of datetime, where time zones overflow."""

_ISO = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")
_RUSSIAN = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_AGO = re.compile(rf"([0-9]{{1,4}})([{''.join(UNITS)}])")


@dataclass(frozen=True, slots=True)
class Clock:
    """The reference moment, aware, and the time zone in which a person means dates."""

    now: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def midnight(self, day: date) -> datetime:
        """The first moment of the day, also where the clock skips midnight."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)


def read_period(text: str, clock: Clock) -> Period | None:
    """The days that a date means; None if it is none, or out of the years that are accepted."""
    try:
        days = _days(keyword(text), clock.today)
    except (ValueError, OverflowError):  # 2026-02-30; 9999y
        return None
    if not days or not FIRST_YEAR <= days[0].year <= LAST_YEAR:
        return None
    return Period(clock.midnight(days[0]), clock.midnight(days[1]))


def _days(text: str, today: date) -> tuple[date, date] | None:
    """The first day, and the one after the last."""
    if text in TODAY:
        return _one(today)
    if text in YESTERDAY:
        return _one(today - timedelta(days=1))
    if ago := _AGO.fullmatch(text):
        return _one(_BACK[UNITS[ago[2]]](today, int(ago[1])))
    if russian := _RUSSIAN.fullmatch(text):
        return _one(date(int(russian[3]), int(russian[2]), int(russian[1])))
    return _calendar(*iso.groups()) if (iso := _ISO.fullmatch(text)) else None


def _calendar(year: str, month: str | None, day: str | None) -> tuple[date, date]:
    if day and month:
        return _one(date(int(year), int(month), int(day)))
    if month:
        first = date(int(year), int(month), 1)
        return first, months_back(first, -1)
    return date(int(year), 1, 1), date(int(year) + 1, 1, 1)


def _one(day: date) -> tuple[date, date]:
    return day, day + timedelta(days=1)


def months_back(day: date, months: int) -> date:
    """The same day of an earlier month, or its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    following = date(year + month // 11, (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


_BACK: dict[str, Callable[[date, int], date]] = {
    "day": lambda today, count: today - timedelta(days=count),
    "week": lambda today, count: today - timedelta(weeks=count),
    "month": months_back,
    "year": lambda today, count: months_back(today, 12 * count),
}


def write_period(period: Period) -> str:
    """The shortest form that means these days: 2026, 2026-11 or 2026-11-01."""
    first, last = period.start.date(), period.end.date()
    if (first.month, first.day, last.month, last.day) == (1, 1, 1, 1):
        return f"{first:%Y}"
    if first.day == last.day == 1:
        return f"{first:%Y-%m}"
    return f"{first:%Y-%m-%d}"
