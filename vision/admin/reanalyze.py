"""The console's action “Analyze again”: shows the cost, requests the analysis after confirmation."""

from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.options import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from events.console import said
from events.errors import DomainError
from media.models import Post
from vision.reanalysis import forecast_rows
from vision.reanalysis import request as reanalysis
from vision.reanalysis.forecast import forecast
from vision.reanalysis.selection import Selection

PERMISSION: Final = "vision.change_tokenbudget"
"""An analysis costs tokens, so it needs the same permission as resetting their usage."""
MOST_POSTS: Final = 1000
"""More posts would exceed the patience of a browser; the command `reanalyze` has no limit."""


@admin.action(description=gettext_lazy("Analyze again…"))
def analyze_again(
    model_admin: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Post]
) -> HttpResponse | None:
    """
    Show the forecast or, once the form holds a `run`, request the analysis.

    The run is made with the forecast, so that submitting the form twice requests each post once. So
    is `of`: where other posts are chosen by then, as all that match a filter, the forecast is theirs.
    """
    posts = list(queryset.order_by().values_list("pk", flat=True)[: MOST_POSTS + 1])
    if len(posts) > MOST_POSTS:
        text = _("More than %(most)d posts: use the command manage.py reanalyze.")
        model_admin.message_user(request, text % {"most": MOST_POSTS}, messages.ERROR)
        return None
    try:
        run = request.POST.get("run", "")
        is_other = request.POST.get("of", _digest(posts)) != _digest(posts)
        if reanalysis.RUN.fullmatch(run) and not is_other:
            _request(model_admin, request, posts, run)
        else:
            if is_other:
                text = _("Other posts are chosen by now: this is the forecast for them.")
                model_admin.message_user(request, text, messages.WARNING)
            return _preview(model_admin, request, posts)
    except DomainError as refusal:
        model_admin.message_user(request, said(refusal), messages.ERROR)
    return None


def _digest(posts: list[UUID]) -> str:
    return sha256(" ".join(sorted(map(str, posts))).encode()).hexdigest()


def _request(
    model_admin: ModelAdmin[Any], request: HttpRequest, posts: list[UUID], run: str
) -> None:
    now, retry = timezone.now(), "retry_refused" in request.POST
    reanalysis.request(Selection(post_ids=posts), run=run, retry_refused=retry, now=now)
    count = reanalysis.count_requested(run)  # of the run: a repeated submit shows the same number
    text = ngettext(
        "The analysis of %(count)d post is queued.",
        "The analysis of %(count)d posts is queued.",
        count,
    )
    level = messages.SUCCESS if count else messages.WARNING
    model_admin.message_user(request, text % {"count": count}, level)


def _preview(
    model_admin: ModelAdmin[Any], request: HttpRequest, posts: list[UUID]
) -> TemplateResponse:
    now = timezone.now()
    found = forecast(Selection(post_ids=posts), retry_refused=False, now=now)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Analyze again"),
        "opts": model_admin.opts,
        "rows": forecast_rows.rows(found),
        "waits": found.waits,
        "run": reanalysis.new_run(now=now),
        "of": _digest(posts),
        "action": request.POST.get("action", ""),
        "across": request.POST.get("select_across", "0"),
        "checkbox": helpers.ACTION_CHECKBOX_NAME,
        "chosen": request.POST.getlist(helpers.ACTION_CHECKBOX_NAME),
    }
    return TemplateResponse(request, "console/analyze_again.html", context)
