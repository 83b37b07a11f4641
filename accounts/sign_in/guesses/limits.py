"""
Count wrong guesses and make the next ones wait. The database decides, whatever is asked at once.

Every guess is claimed as a failure before it is checked, by one statement that counts only if no
wait is in force: of any number of simultaneous guesses exactly as many are checked as one after
another. A right guess gives its claim back afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from accounts.models import SignInLimit

FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=15)
MEMORY: Final = timedelta(hours=24)
"""After so long without a guess that was checked, earlier failures do not count."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What is limited: a key, and how many failures it may have before the first wait."""

    key: str
    free: int


class TooManyGuesses(Exception):
    """The guess was not checked, because earlier ones were wrong."""

    def __init__(self, lane: Lane, *, until: datetime, refused: int) -> None:
        super().__init__(f"{lane.key}: no guess until {until:%H:%M:%S}")
        self.lane = lane
        self.until = until
        self.refused = refused
        """Guesses refused since the last one that was checked, this one included."""


def claim(lanes: Sequence[Lane], *, now: datetime) -> None:
    """
    Count a failure in each of `lanes`, or in none and raise TooManyGuesses.

    Callers name lanes in the same order (address, then account): two claims then never wait for
    each other's rows.
    """
    refusing = None
    with transaction.atomic():
        for lane in lanes:
            if not _claim_one(lane, now):
                refusing = lane
                transaction.set_rollback(True)
                break
    if refusing is not None:
        raise _refusal(refusing, now)


def clear(lane: Lane) -> None:
    """Forget the failures of a lane, after a right guess of whoever owns it."""
    SignInLimit.objects.filter(key=lane.key).delete()


def give_back(lane: Lane, *, now: datetime) -> None:
    """
    Take back one claim of a lane that many share.

    Only the own one: otherwise somebody with an account of their own could clear the address by
    signing in between guesses at the accounts of others.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, {"key": lane.key, "free": lane.free, "now": now})


def prune(*, now: datetime) -> int:
    """Delete rows that count no more; returns how many."""
    deleted, _ = SignInLimit.objects.filter(last_at__lt=now - MEMORY).delete()
    return deleted


def _claim_one(lane: Lane, now: datetime) -> bool:
    values: dict[str, Any] = {
        "key": lane.key,
        "free": lane.free,
        "now": now,
        "remembered_since": now - MEMORY,
        "first": FIRST_WAIT,
        "longest": LONGEST_WAIT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        return cursor.fetchone() is not None


def _refusal(lane: Lane, now: datetime) -> TooManyGuesses:
    with connection.cursor() as cursor:
        cursor.execute(_REFUSE, {"key": lane.key})
        found = cursor.fetchone()
    # The row is gone if the owner has signed in since; then the next guess is checked.
    until, refused = found or (now + timedelta(seconds=1), 1)
    return TooManyGuesses(lane, until=until, refused=refused)


# The first failure of a row never waits: `free` is at least 3. `failures` of the conflicting row is
# read under its lock, so the count is exact. `refused` begins anew with each guess that is checked.
# Below `free` nobody waits, whatever the clock: one that is a little behind another host's, or that
# a thread has read a little earlier, refuses nothing. A wait longer than the longest was written
# before the clock was set back; its owner would else wait for the clock to catch up.
_CLAIM: Final = """
INSERT INTO accounts_signinlimit AS had (key, failures, refused, last_at, wait_until)
VALUES (%(key)s, 1, 0, %(now)s, %(now)s)
ON CONFLICT (key) DO UPDATE SET
  failures = CASE WHEN had.last_at < %(remembered_since)s THEN 1 ELSE had.failures + 1 END,
  refused = 0,
  last_at = %(now)s,
  wait_until = %(now)s + CASE
    WHEN had.last_at < %(remembered_since)s OR had.failures + 1 < %(free)s THEN interval '0'
    ELSE least(%(first)s * power(2, least(had.failures + 1 - %(free)s, 20)), %(longest)s)
  END
WHERE had.wait_until <= %(now)s OR had.failures < %(free)s
  OR had.wait_until > %(now)s + %(longest)s + interval '1 minute'
RETURNING failures
"""
_REFUSE: Final = """
UPDATE accounts_signinlimit SET refused = refused + 1 WHERE key = %(key)s
RETURNING wait_until, refused
"""
_GIVE_BACK: Final = """
UPDATE accounts_signinlimit SET
  failures = failures - 1,
  wait_until = CASE WHEN failures - 1 < %(free)s THEN %(now)s ELSE wait_until END
WHERE key = %(key)s AND failures > 0
"""
