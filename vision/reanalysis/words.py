"""A forecast in words, for the console and the command alike."""

from django.utils.translation import gettext as _

from vision.reanalysis.forecast import Forecast


def rows(found: Forecast) -> list[tuple[str, str]]:
    """What it is about, and how much of it; in the reader's language."""
    pictures = found.pictures
    return [
        (_("Posts"), str(found.posts)),
        (_("Distinct pictures"), str(pictures["total"])),
        (_("To be paid"), f"{pictures['to_pay']} ({found.model})"),
        (_("Paid before, taken over for nothing"), str(pictures["paid_before"])),
        (_("Refused before, not asked again"), str(pictures["refused_before"])),
        (_("Read by text recognition"), str(pictures["to_read"])),
        (_("Left out by the policy"), str(pictures["left_out"])),
        (_("Tokens expected"), str(found.tokens)),
        (_("Tokens a picture"), f"{found.tokens_a_picture:.0f}"),
        (_("Cost"), f"{found.cost_roubles:.2f} ₽"),
        (_("Days at the budget"), _days(found.days)),
    ]


def _days(days: int | None) -> str:
    if days is None:
        return _("never within the limits")
    return str(days) if days else _("0: today")
