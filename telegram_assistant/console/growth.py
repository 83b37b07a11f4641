"""The console's page of the posts that grew most on a day."""

from datetime import date

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from accounts.access import tenants_of
from media.history.counts.growth import Day, fastest_growing

NAME = "growth"
SHOWN = 50
METRICS: dict[str, StrPromise] = {
    "views": _("views"),
    "reactions": _("reactions"),
    "forwards": _("forwards"),
    "replies": _("replies"),
}


def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    day = _day(request.GET.get("day", ""))
    by = request.GET.get("by", "views")
    by = by if by in METRICS else "views"
    span = Day.of(day, timezone.get_current_timezone())
    context = {
        **site.each_context(request),
        "title": _("Fastest growing posts"),
        "day": day,
        "by": by,
        "metrics": METRICS.items(),
        "found": fastest_growing(span, tenants_of(request.user), metric=by, most=SHOWN),
    }
    return TemplateResponse(request, "console/growth.html", context)


def _day(text: str) -> date:
    """The day that is asked for; today for what is none."""
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    # The first and the last year have no room for time zones.
    return found if found and date.min.year < found.year < date.max.year else timezone.localdate()
