"""The console's cleanup page: it shows what would be deleted, and deletes after a confirmation."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_stubs_ext import StrPromise

from accounts.access import Action, may_everywhere
from events.console import said
from events.errors import DomainError, RetryLater
from storage_quota import cleanup
from storage_quota.cleanup import Candidate, CleanupPlan, CleanupResult, Step
from storage_quota.units import GIB

NAME: Final = "storage_quota_cleanup"
CANDIDATES_SHOWN: Final = 100
TIME_BOX: Final = timedelta(seconds=20)
"""How long one request works; confirming again goes on."""

STEPS: Final[dict[Step, StrPromise]] = {
    Step.VERSIONS: gettext_lazy("old versions that the bucket keeps"),
    Step.MARKERS: gettext_lazy("delete markers without versions"),
    Step.CRAWL: gettext_lazy("crawled pages older than 3 days"),
    Step.VISION: gettext_lazy("results of analysis older than 7 days"),
    Step.MEDIA: gettext_lazy("media that no post uses, least recently used first"),
    Step.MULTIPART: gettext_lazy("unfinished uploads"),
}


class TargetForm(forms.Form):
    target_gb = forms.FloatField(
        label=gettext_lazy("Usage to get down to, GiB"),
        min_value=0,
        max_value=1_000_000,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )

    @property
    def target_bytes(self) -> int:
        return int(self.cleaned_data["target_gb"] * GIB)


@dataclass(frozen=True, slots=True)
class StepRow:
    text: StrPromise
    count: int
    size: str


class PlanPreview:
    """A plan as the page shows it."""

    def __init__(self, plan: CleanupPlan) -> None:
        self.plan = plan
        self.current = filesizeformat(plan.current_bytes)
        self.needed = filesizeformat(plan.needed_bytes)
        self.frees = filesizeformat(plan.frees_bytes)

    @cached_property
    def rows(self) -> list[StepRow]:
        return [
            StepRow(STEPS[step], sums.count, filesizeformat(sums.freed_bytes))
            for step, sums in self.plan.steps.items()
        ]

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return self.plan.candidates[:CANDIDATES_SHOWN]

    @property
    def hidden_count(self) -> int:
        return len(self.plan.candidates) - len(self.candidates)


def may_clean_up(request: HttpRequest) -> bool:
    return may_everywhere(request.user, Action.OPERATE)


def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Show the plan (GET) or execute it (POST), for users who may operate every tenant: all share the bucket."""
    if not may_clean_up(request):
        raise PermissionDenied
    given = request.POST if request.method == "POST" else request.GET
    form = TargetForm(given if "target_gb" in given else _default())
    if request.method == "POST" and form.is_valid():
        _clean_up(request, form.target_bytes, now=timezone.now())
        query = urlencode({"target_gb": form.cleaned_data["target_gb"]})
        return HttpResponseRedirect(f"{reverse(f'admin:{NAME}')}?{query}")
    context = {
        **site.each_context(request),
        "title": _("Clean up"),
        "form": form,
        "preview": _preview(request, form) if form.is_valid() else None,
    }
    return TemplateResponse(request, "console/cleanup.html", context)


def _default() -> dict[str, Any]:
    return {"target_gb": settings.CLEANUP.target_bytes / GIB}


def _preview(request: HttpRequest, form: TargetForm) -> PlanPreview | None:
    try:
        return PlanPreview(cleanup.plan(target_bytes=form.target_bytes, now=timezone.now()))
    except (DomainError, RetryLater) as refusal:
        messages.error(request, said(refusal))
        return None


def _clean_up(request: HttpRequest, target_bytes: int, *, now: datetime) -> None:
    until = time.monotonic() + TIME_BOX.total_seconds()
    try:
        freed = cleanup.run(target_bytes=target_bytes, trigger="console", now=now, until=until)
    except cleanup.CleanupRunning:
        messages.warning(request, _("Another cleanup is running: wait for its end."))
        return
    done = messages.SUCCESS if freed.finished else messages.WARNING
    messages.add_message(request, done, " ".join(_messages(freed)))


def _messages(freed: CleanupResult) -> list[str]:
    count = freed.deleted_count
    texts = [
        ngettext(
            "%(count)d object deleted, %(size)s freed.",
            "%(count)d objects deleted, %(size)s freed.",
            count,
        )
        % {"count": count, "size": filesizeformat(freed.freed_bytes)}
    ]
    if freed.skipped_count:
        texts.append(_("In use again, so not deleted: %(count)d.") % {"count": freed.skipped_count})
    if freed.remaining_count:
        remaining = {"count": freed.remaining_count}
        texts.append(_("Not deleted yet, will be tried again: %(count)d.") % remaining)
    if freed.stop_reason == cleanup.TIME_IS_UP:
        texts.append(_("There is more to delete: confirm again to go on."))
    elif freed.stop_reason:
        texts.append(_("Stopped: %(reason)s") % {"reason": freed.stop_reason})
    return texts
