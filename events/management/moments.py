"""Dates and times as arguments of commands."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime, time

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _


def moment(text: str) -> datetime:
    """Parse a date, which is its first moment, or a time; without a time zone, in the server's."""
    try:
        day = parse_date(text)
        found = datetime.combine(day, time()) if day else parse_datetime(text)
        if found and timezone.is_naive(found):
            found = timezone.make_aware(found)
        if found:
            timezone.localtime(found), timezone.localtime(found, UTC)  # as it is shown and compared
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise ArgumentTypeError(_("%r is neither a date (2026-11-21) nor a time") % text)
    return found
