"""What a tenant sets about tags: the section `tagging` of its settings."""

from typing import Any, Final

from django.utils.translation import gettext as _

from accounts.models import Tenant

SECTION: Final = "tagging"
KEY: Final = "threshold"
THRESHOLD: Final = 0.7
"""The default: a noun that stands three times in a post is a tag, one that stands twice a proposal."""


def threshold(tenant: Tenant) -> float:
    """The confidence below which a tag of a tagger is a proposal."""
    section = tenant.settings.get(SECTION)
    value = section.get(KEY) if isinstance(section, dict) else None
    return float(value) if value is not None and _is_share(value) else THRESHOLD


def problems(value: Any) -> list[str]:
    """A sentence for each problem of the section."""
    if not isinstance(value, dict):
        return [_('an object is expected, such as {"threshold": 0.7}')]
    found = [f"{name}: " + _("there is no such setting") for name in value if name != KEY]
    if KEY in value and not _is_share(value[KEY]):
        found.append(f"{KEY}: " + _("a number from 0 to 1 is expected"))
    return found


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
