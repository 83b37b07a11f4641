"""Numbers as arguments of commands."""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Final

from django.utils.translation import gettext as _

MOST: Final = 10**9
"""More is a slip of the pen."""
MOST_DAYS: Final = 36_500
"""A century; of a million days no calendar knows when they began."""


def count(most: int = MOST) -> Callable[[str], int]:
    """A type of argparse for whole numbers from 1 to `most`: limits, days, ids."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:20]) <= most):
            raise ArgumentTypeError(_("a number from 1 to %d") % most)
        return int(text)

    return parse


def amount(text: str) -> float:
    """Parse a number that is not negative, and below a million: seconds, minutes, days."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 10**6:
        raise ArgumentTypeError(_("a number from 0 on, and below a million"))
    return value


def days(text: str) -> float:
    """Parse an `amount` of days, at most a century: so long ago is still a date."""
    value = amount(text)
    if value > MOST_DAYS:
        raise ArgumentTypeError(_("at most %d days") % MOST_DAYS)
    return value
