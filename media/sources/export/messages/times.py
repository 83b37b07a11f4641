"""Points in time: unix seconds since June 2022, before that the exporting computer's local time."""

import re
from datetime import UTC, datetime, tzinfo

_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_UNIX = re.compile(r"-?\d{1,12}")


class OddTime(ValueError):
    """The field holds no time."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: not a time")


def moment(
    *, unix: int | str | None, local: str | None, zone: tzinfo, field: str
) -> datetime | None:
    """Aware UTC; None where neither is given."""
    if unix is not None and unix != "":
        return _plausible(_from_unix(unix, f"{field}_unixtime"), f"{field}_unixtime")
    return _plausible(_from_local(local, zone, field), field) if local else None


def edit_moment(*, unix: int | str | None, local: str | None, zone: tzinfo) -> datetime | None:
    """None also for 1970, which early versions wrote for what was never edited."""
    at = moment(unix=unix, local=local, zone=zone, field="edited")
    return at if at and at.year > _FIRST_YEAR else None


def _plausible(at: datetime, field: str) -> datetime:
    """Telegram began in 2013; at the calendar's end a change of zone overflows."""
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise OddTime(field)
    return at


def _from_unix(unix: int | str, field: str) -> datetime:
    if isinstance(unix, str) and not _UNIX.fullmatch(unix):
        raise OddTime(field)
    try:
        return datetime.fromtimestamp(int(unix), UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise OddTime(field) from exc


def _from_local(local: str, zone: tzinfo, field: str) -> datetime:
    try:
        at = datetime.fromisoformat(local)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise OddTime(field) from exc
