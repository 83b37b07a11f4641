"""
Whether this host's clock agrees with PostgreSQL's, as far as work needs it.

Leases are written and compared by the clock of the worker's host. One that is ahead by a lease would
take what living workers have in hand, one that is behind would lose what it has just claimed. So a
process whose clock is wrong takes no work until it is set.

Between two questions to PostgreSQL the monotonic clock tells the time, which nobody sets: a clock
that jumps is noticed at once, without a query.
"""

import logging
import time
from typing import Final

from django.db import connection

from events.sentences import Sentence
from events.sentences import gettext_noop as _

logger = logging.getLogger(__name__)

TOLERATED: Final = 120.0
"""Seconds by which a clock may be wrong: two hosts that err in opposite ways keep half a lease."""
ASK_EVERY: Final = 5.0
"""Seconds between two questions to PostgreSQL."""
REMEDY: Final = _("let the host set its clock by NTP")
_AHEAD: Final = Sentence(_("%(seconds)s s ahead of PostgreSQL's"))
_BEHIND: Final = Sentence(_("%(seconds)s s behind PostgreSQL's"))

_zero: float | None = None
"""The time by PostgreSQL when the monotonic clock of this host was at zero; None: not asked yet."""
_asked_at = 0.0
_agreed = True


def ask() -> float:
    """Ask PostgreSQL for its time; returns `ahead()`. Raises what a statement raises."""
    global _zero, _asked_at  # noqa: PLW0603 - one clock per process
    before = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float")
        (at_server,) = cursor.fetchone()
    _asked_at = time.monotonic()
    _zero = at_server - (before + _asked_at) / 2
    _tell(ahead())
    return ahead()


def ahead() -> float:
    """Return by how many seconds this host's clock is ahead of PostgreSQL's; negative if behind."""
    return 0.0 if _zero is None else time.time() - time.monotonic() - _zero


def agrees() -> bool:
    """Whether this host's clock was right when PostgreSQL was asked, and nobody has set it since."""
    return abs(ahead()) <= TOLERATED


def agrees_now() -> bool:
    """`agrees`, asking PostgreSQL again where that was longer ago than `ASK_EVERY`."""
    if _zero is None or time.monotonic() - _asked_at >= ASK_EVERY:
        ask()
    return agrees()


def in_words(seconds: float) -> str:
    """Say by how much a clock is wrong."""
    return (_AHEAD if seconds > 0 else _BEHIND) % {"seconds": f"{abs(seconds):.0f}"}


def _tell(seconds: float) -> None:
    """Log that the clock has become wrong, or right again."""
    global _agreed  # noqa: PLW0603 - one clock per process
    if agrees() == _agreed:
        return
    _agreed = agrees()
    if _agreed:
        logger.warning("the clock of this host agrees with PostgreSQL's again: work goes on")
    else:
        logger.error("the clock of this host is %s: no work is taken", in_words(seconds))
