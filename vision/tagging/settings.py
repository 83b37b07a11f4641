"""What a tenant sets about tags: the section `tagging` of its settings."""

from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import Tenant
from vision.models.tag import TaggerName

SECTION: Final = "tagging"
KEY: Final = "threshold"
TAGGER: Final = "tagger"
THRESHOLD: Final = 0.7
"""The default: a noun that stands three times in a post is a tag, one that stands twice a proposal."""


def threshold(tenant: Tenant) -> float:
    """The confidence below which a tag of a tagger is a proposal."""
    value = _section(tenant).get(KEY)
    return float(value) if value is not None and _is_share(value) else THRESHOLD


def tagger(tenant: Tenant) -> str:
    """The name of the tagger that the tenant has chosen; that of TAGGER where it has not."""
    value = _section(tenant).get(TAGGER)
    return str(value if value in TaggerName.values else settings.VISION.tagger)


def have_chosen(name: str) -> bool:
    """Whether a tenant has chosen this tagger itself, by one query."""
    return Tenant.objects.filter(**{f"settings__{SECTION}__{TAGGER}": name}).exists()


def problems(value: Any) -> list[str]:
    """A sentence for each problem of the section."""
    if not isinstance(value, dict):
        return [_('an object is expected, such as {"threshold": 0.7}')]
    names = set(value) - {KEY, TAGGER}
    found = [f"{name}: " + _("there is no such setting") for name in sorted(names)]
    if KEY in value and not _is_share(value[KEY]):
        found.append(f"{KEY}: " + _("a number from 0 to 1 is expected"))
    if TAGGER in value and (problem := _problem_of_tagger(value[TAGGER])):
        found.append(f"{TAGGER}: {problem}")
    return found


def _problem_of_tagger(value: Any) -> str:
    """GigaChat can be chosen only where this installation has an account of it."""
    if value not in TaggerName.values:
        return _("one of these is expected: %(names)s") % {"names": ", ".join(TaggerName.values)}
    if value == TaggerName.GIGACHAT and not settings.GIGACHAT.configured:
        return _("GigaChat is not configured in this installation")
    return ""


def _section(tenant: Tenant) -> dict[str, Any]:
    section = tenant.settings.get(SECTION) if isinstance(tenant.settings, dict) else None
    return section if isinstance(section, dict) else {}


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
