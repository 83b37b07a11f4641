"""The console's action “analyze again”: what it costs first, asking after a confirmation."""

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

from events.errors import DomainError
from media.models import Post
from vision.reanalysis import request as asking
from vision.reanalysis import words
from vision.reanalysis.forecast import forecast
from vision.reanalysis.selection import Selection

PERMISSION: Final = "vision.change_tokenbudget"
"""Another look costs tokens: whoever may forgive them may spend them."""
MOST_POSTS: Final = 1000
"""More would keep a browser waiting: the command `reanalyze` has no such bound."""


@admin.action(description=gettext_lazy("Analyze again…"))
def analyze_again(
    model_admin: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Post]
) -> HttpResponse | None:
    """Shows the forecast; with `run` in the form it asks. The run makes a double click harmless."""
    posts = list(queryset.order_by().values_list("pk", flat=True)[: MOST_POSTS + 1])
    if len(posts) > MOST_POSTS:
        said = _("More than %(most)d posts: use manage.py reanalyze for so many.")
        model_admin.message_user(request, said % {"most": MOST_POSTS}, messages.ERROR)
        return None
    try:
        run = request.POST.get("run", "")
        if asking.RUN.fullmatch(run):
            _ask(model_admin, request, posts, run)
        else:
            return _preview(model_admin, request, posts)
    except DomainError as refusal:
        model_admin.message_user(request, str(refusal), messages.ERROR)
    return None


def _ask(model_admin: ModelAdmin[Any], request: HttpRequest, posts: list[UUID], run: str) -> None:
    now, retry = timezone.now(), "retry_refused" in request.POST
    asking.request(Selection(post_ids=posts), run=run, retry_refused=retry, now=now)
    count = asking.asked_in(run)
    said = ngettext(
        "%(count)d post is asked for again.", "%(count)d posts are asked for again.", count
    )
    level = messages.SUCCESS if count else messages.WARNING
    model_admin.message_user(request, said % {"count": count}, level)


def _preview(
    model_admin: ModelAdmin[Any], request: HttpRequest, posts: list[UUID]
) -> TemplateResponse:
    now = timezone.now()
    found = forecast(Selection(post_ids=posts), retry_refused=False, now=now)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Analyze again"),
        "opts": model_admin.opts,
        "rows": words.rows(found),
        "waits": found.waits,
        "run": asking.new_run(now=now),
        "action": request.POST.get("action", ""),
        "across": request.POST.get("select_across", "0"),
        "checkbox": helpers.ACTION_CHECKBOX_NAME,
        "chosen": request.POST.getlist(helpers.ACTION_CHECKBOX_NAME),
    }
    return TemplateResponse(request, "console/analyze_again.html", context)
