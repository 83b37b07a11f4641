"""The time zones that a user may choose."""

import logging
import zoneinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

logger = logging.getLogger(__name__)

REGIONS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
"""Regions of the IANA database. Its other names are historical, such as US/Eastern."""


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless `name` is in the IANA database, as `Europe/Moscow` is."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(name)s is not a time zone. Use a name such as Europe/Moscow."),
            params={"name": name},
        )


def find(name: str) -> ZoneInfo | None:
    """
    Return the time zone of this name; None for an empty name, or one this machine does not know.

    A stored name may be unknown: tzdata renames zones, and a dump may come from another machine.
    """
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        logger.warning("time zone %r of an account is unknown; using the installation's", name)
        return None


def choices(*, current: str = "") -> list[tuple[str, list[tuple[str, str]]]]:
    """Return all names by region, as form fields take them; `current` too, if it is valid."""
    known = zoneinfo.available_timezones()
    regional = {name for name in known if name.partition("/")[0] in REGIONS}
    groups = [
        (region, [(name, name) for name in sorted(regional) if name.startswith(f"{region}/")])
        for region in REGIONS
    ]
    others = sorted({"UTC"} | ({current} & known - regional))
    return [*groups, ("UTC", [(name, name) for name in others])]
