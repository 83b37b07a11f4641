"""Times of a message: unix seconds since June 2022, earlier the exporting computer's local time."""

import re
from datetime import UTC, datetime, tzinfo

from events.sentences import gettext_noop

_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_TELEGRAM_BEGAN = 2013
_YEAR = re.compile(r"([0-9]{4})-")
_UNIX = re.compile(r"-?\d{1,12}")
_NOT_A_TIME = gettext_noop("not a time")


class InvalidTime(ValueError):
    """A field has no time in it."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: {_NOT_A_TIME}")
        self.field = field


class BeforeCalendar(InvalidTime):
    """A field has a time before 1970."""


def parse_time(
    *, unix: int | str | None, local: str | None, zone: tzinfo, field: str
) -> datetime | None:
    """Parse a time to aware UTC; None where neither is given. Raises InvalidTime."""
    if unix is not None and unix != "":
        return _plausible(_from_unix(unix, f"{field}_unixtime"), f"{field}_unixtime")
    return _plausible(_from_local(local, zone, field), field) if local else None


def parse_edit_time(
    *, unix: int | str | None, local: str | None, zone: tzinfo, posted_at: datetime
) -> datetime | None:
    """
    Parse the time of an edit; None where it lies before Telegram began, or before the message.

    Until June 2020 every message carried a time: where there was no edit, that of 1970 in the
    exporting computer's zone.
    """
    if unix in (None, "") and local and _year(local) < _TELEGRAM_BEGAN:
        return None  # not parsed: in other zones it may be a time before the calendar
    try:
        at = parse_time(unix=unix, local=local, zone=zone, field="edited")
    except BeforeCalendar:
        return None
    return at if at and at.year >= _TELEGRAM_BEGAN and at >= posted_at else None


def _year(local: str) -> int:
    """The year of a date, one that is late enough for what is no date."""
    found = _YEAR.match(local)
    return int(found[1]) if found else _LAST_YEAR


def _plausible(at: datetime, field: str) -> datetime:
    """Refuse years out of range: at the end of the calendar a change of zone overflows."""
    if at.year < _FIRST_YEAR:
        raise BeforeCalendar(field)
    if at.year > _LAST_YEAR:
        raise InvalidTime(field)
    return at


def _from_unix(unix: int | str, field: str) -> datetime:
    if isinstance(unix, str) and not _UNIX.fullmatch(unix):
        raise InvalidTime(field)
    try:
        return datetime.fromtimestamp(int(unix), UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise InvalidTime(field) from exc


def _from_local(local: str, zone: tzinfo, field: str) -> datetime:
    try:
        at = datetime.fromisoformat(local)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise InvalidTime(field) from exc
