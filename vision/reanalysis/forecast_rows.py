"""Formats a forecast as rows of text, for the console and for the command."""

from django.utils.translation import gettext as _

from vision.reanalysis.forecast import ReanalysisForecast


def rows(found: ReanalysisForecast) -> list[tuple[str, str]]:
    """Return (label, value) pairs in the active language."""
    pictures = found.pictures
    return [
        (_("Posts"), str(found.posts)),
        (_("Distinct pictures"), str(pictures["total"])),
        (_("Paid analyses"), f"{pictures['to_pay']} ({found.model})"),
        (_("Analyzed before, reused at no cost"), str(pictures["paid_before"])),
        (_("Refused before, left out"), str(pictures["refused_before"])),
        (_("Text recognition only"), str(pictures["to_read"])),
        (_("Left out by the policy"), str(pictures["left_out"])),
        (_("Tokens expected"), str(found.tokens)),
        (_("Tokens per picture"), f"{found.tokens_a_picture:.0f}"),
        (_("Cost"), f"{found.cost_roubles:.2f} ₽"),
        (_("Days at the budget"), _days(found.days)),
    ]


def _days(days: int | None) -> str:
    if days is None:
        return _("never within the limits")
    return str(days) if days else _("0: today")
