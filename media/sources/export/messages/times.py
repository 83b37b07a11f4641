"""Times of a message: unix seconds since June 2022, earlier the exporting computer's local time."""

import re
from datetime import UTC, datetime, tzinfo

_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_UNIX = re.compile(r"-?\d{1,12}")


class InvalidTime(ValueError):
    """A field has no time in it."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: not a time")


def parse_time(
    *, unix: int | str | None, local: str | None, zone: tzinfo, field: str
) -> datetime | None:
    """Parse a time to aware UTC; None where neither is given. Raises InvalidTime."""
    if unix is not None and unix != "":
        return _plausible(_from_unix(unix, f"{field}_unixtime"), f"{field}_unixtime")
    return _plausible(_from_local(local, zone, field), field) if local else None


def parse_edit_time(*, unix: int | str | None, local: str | None, zone: tzinfo) -> datetime | None:
    """Parse the time of an edit; None also for 1970, which early versions wrote for no edit."""
    at = parse_time(unix=unix, local=local, zone=zone, field="edited")
    return at if at and at.year > _FIRST_YEAR else None


def _plausible(at: datetime, field: str) -> datetime:
    """Refuse years out of range: at the end of the calendar a change of zone overflows."""
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
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
