"""
Count a request against a rate, in one statement.

The algorithm is GCRA, the leaky bucket as a meter (ITU-T I.371): a row holds the time at which
all that was used is given back. A request moves it on by one interval, unless it would lie
further ahead than all requests of the rate together.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from accounts.models import RateLimit
from accounts.rate_limits.rate import Rate

# A time much further ahead than the rate allows was written before the clock was set back, or under
# a rate of a longer period: it counts as over, else its owner would wait for the clock to catch up.
# Much, since a statement that waited for the row is a little older than what it finds there.
# The comparison with the row is made under its lock, so that of any number of requests at once
# exactly as many pass as are left. The clock is the database's: all hosts share it.
_TAKE: Final = """
INSERT INTO accounts_rate_limit AS mine (key, used_until)
VALUES (%(key)s, {now} + %(interval)s)
ON CONFLICT (key) DO UPDATE SET used_until = {used} + %(interval)s
WHERE {used} + %(interval)s <= {now} + %(capacity)s
RETURNING 1
"""
_WAIT: Final = (
    "SELECT {used} + %(interval)s - %(capacity)s - {now} FROM accounts_rate_limit AS mine"
    " WHERE key = %(key)s"
)
_NOW: Final = "coalesce(%(now)s::timestamptz, statement_timestamp())"
_USED: Final = (
    f"CASE WHEN mine.used_until > {_NOW} + %(capacity)s + interval '1 minute' THEN {_NOW}"
    f" ELSE greatest(mine.used_until, {_NOW}) END"
)
TAKE: Final = _TAKE.format(now=_NOW, used=_USED)
WAIT: Final = _WAIT.format(now=_NOW, used=_USED)


def take(key: str, rate: Rate, *, now: datetime | None = None) -> timedelta | None:
    """
    Count one request of `key`; returns None if it may pass, otherwise how long to wait.

    A request that may not pass uses nothing. `now` is the database's clock unless it is given.
    """
    values: dict[str, Any] = {
        "key": key,
        "interval": rate.interval,
        "capacity": rate.capacity,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(TAKE, values)
        if cursor.fetchone():
            return None
        cursor.execute(WAIT, values)
        row = cursor.fetchone()
    # Between the two statements somebody may have deleted the row: then the way is free at once.
    return max(timedelta(microseconds=1), row[0] if row else timedelta())


def prune(*, now: datetime) -> int:
    """Delete the rows that say nothing any more; returns how many there were."""
    deleted, _ = RateLimit.objects.filter(used_until__lte=now).delete()
    return deleted
