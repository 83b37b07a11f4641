"""Points in time: unix seconds since June 2022, before that the exporting computer's local time."""

import re
from datetime import UTC, datetime, tzinfo

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
        return _from_unix(unix, f"{field}_unixtime")
    return _from_local(local, zone, field) if local else None


def edit_moment(*, unix: int | str | None, local: str | None, zone: tzinfo) -> datetime | None:
    """None also for 1970, which early versions wrote for what was never edited."""
    at = moment(unix=unix, local=local, zone=zone, field="edited")
    return at if at and at.year > 1970 else None  # noqa: PLR2004


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
