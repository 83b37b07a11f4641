"""What the fields of an account may hold."""

import zoneinfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless `name` is in the IANA database, as `Europe/Moscow` is."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(name)s is no time zone; write it like Europe/Moscow"), params={"name": name}
        )
