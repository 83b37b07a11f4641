"""The console's pages about cost: token budgets, paid analyses, the state of the provider."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from accounts import audit
from accounts.access import User, tenants_of
from accounts.models import Tenant
from events.console import (
    EMPTY,
    NothingEditable,
    ReadOnlyAdmin,
    in_words,
    internal_link,
    page_of,
    pretty_json,
    short_time,
    translated,
)
from media.models import MediaObject, media_object_id
from vision.limits import budget, circuit_breaker
from vision.limits.ceiling import ceiling_of, most_seen
from vision.models import AnalysisState, CallCost, PaidAnalysis, ProviderHealth, TokenBudget
from vision.policy.loader import current_policy
from vision.policy.schema import PolicyRefused
from vision.providers.gigachat import sentences  # noqa: F401 - registers what is retold
from vision.reasons import explain
from vision.selectors import PROVIDER, BudgetReport, budget_report
from vision.services import retry_backlog

STATES = {
    "closed": pgettext_lazy("circuit breaker", "closed"),
    "open": pgettext_lazy("circuit breaker", "open"),
    "half_open": pgettext_lazy("circuit breaker", "half open"),
    "paused": pgettext_lazy("circuit breaker", "paused"),
}


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """What the budget page says above its list."""

    model: str
    ceiling: int
    most_seen: int

    @classmethod
    def now(cls) -> "BudgetFacts | None":
        """None where the policy file cannot be used: the page must show the rest all the same."""
        model = settings.GIGACHAT.model_name
        try:
            ceiling = ceiling_of(PROVIDER, model, current_policy())
        except PolicyRefused:
            return None
        return cls(model, ceiling, most_seen(PROVIDER, model))


GIGACHAT_FIRST: Final[Any] = _(
    "GigaChat was not asked yet. It is asked where FEATURE_VISION_ENABLED is on and"
    " GIGACHAT_CREDENTIALS are set; else text recognition reads the pictures."
)
"""What lists say as long as nothing was paid for."""


class ReadOnlyWithActions(NothingEditable):
    """Rows of the pipeline: nobody edits them, users with the permission may run the actions."""

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("vision.change_tokenbudget")


@admin.register(TokenBudget)
class TokenBudgetAdmin(ReadOnlyWithActions, ReadOnlyAdmin[TokenBudget]):
    when_empty = GIGACHAT_FIRST
    list_display = (
        "day", "tenant", "used_tokens", "limit", "share", "calls", "overrun", "reserved_tokens",
        "forgiven_tokens", "lost_tokens",
    )  # fmt: skip
    list_filter = ("tenant", "day")
    list_select_related = ("tenant",)
    change_list_template = "admin/vision/tokenbudget/change_list.html"
    ordering = ("-day", "tenant__name")
    actions = ("reset_usage",)
    fields = (
        "day", "tenant", "used_tokens", "lost_tokens", "reserved_tokens", "forgiven_tokens", "limit",
        "share", "calls", "updated_at",
    )  # fmt: skip

    def heading(self, row: TokenBudget) -> str:
        return f"{row.tenant}, {date_format(row.day)}"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what is reserved for a call, and what that means for the limit."""
        backlog = _backlog(request.user, request.GET.get("tenant__id__exact", ""))
        context = {"budget": BudgetFacts.now(), "backlog": backlog} | (extra_context or {})
        return super().changelist_view(request, context)

    @admin.display(description=_("above the ceiling"))
    def overrun(self, row: TokenBudget) -> str:
        if not row.overrun_calls:
            return EMPTY
        text = ngettext(
            "%(tokens)s tokens, %(count)d call",
            "%(tokens)s tokens, %(count)d calls",
            row.overrun_calls,
        )
        return text % {"tokens": number_format(row.overrun_tokens), "count": row.overrun_calls}

    @admin.display(description=_("limit"))
    def limit(self, row: TokenBudget) -> str:
        most = _limit(row.tenant)
        return EMPTY if most is None else str(most)

    @admin.display(description=_("share of the limit"))
    def share(self, row: TokenBudget) -> str:
        most = _limit(row.tenant)
        taken = row.counted_tokens + row.reserved_tokens
        return f"{taken / most:.0%}" if most else EMPTY

    @admin.action(description=_("Reset this month's usage"), permissions=["act"])
    def reset_usage(self, request: HttpRequest, queryset: QuerySet[TokenBudget]) -> None:
        now = timezone.now()
        tenants = Tenant.objects.filter(token_budgets__in=queryset).distinct()
        count = sum(budget.reset(tenant=tenant, now=now) for tenant in tenants)
        retry_backlog.retry_due(now=now)
        text = ngettext("%(count)d token is reset.", "%(count)d tokens are reset.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


@admin.register(CallCost)
class CallCostAdmin(ReadOnlyWithActions, ReadOnlyAdmin[CallCost]):
    when_empty = GIGACHAT_FIRST
    list_display = ("model", "provider", "most_tokens", "updated_at")
    ordering = ("provider", "model")
    actions = ("forget",)

    @admin.action(description=_("Forget this cost and learn it anew"), permissions=["act"])
    def forget(self, request: HttpRequest, queryset: QuerySet[CallCost]) -> None:
        with transaction.atomic():
            for cost in queryset.select_for_update():
                before = {"most_tokens": cost.most_tokens}
                audit.record("call_cost.forgotten", target=cost, before=before)
            count, _each = queryset.delete()
        text = ngettext("%(count)d cost is forgotten.", "%(count)d costs are forgotten.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


def in_reasons(code: str) -> str:
    return str(explain(code))


@admin.register(PaidAnalysis)
class PaidAnalysisAdmin(ReadOnlyWithActions, ReadOnlyAdmin[PaidAnalysis]):
    when_empty = GIGACHAT_FIRST
    list_display = (
        "picture", "tenant", "state", "why", "total_tokens", "calls", "is_recent", "posted", "analyzed",
    )  # fmt: skip
    list_filter = (
        "state",
        ("wait_reason", in_words(in_reasons)),
        ("error_class", in_words(in_reasons)),
        "is_recent",
        "tenant",
        "provider",
        "model",
    )
    list_select_related = ("tenant",)
    search_fields = ("=sha256",)
    search_help_text = "SHA-256"
    ordering = ("-id",)
    actions = ("retry",)
    fields = (
        "picture", "tenant", "state", "why", "error", "provider", "model", "schema_version",
        "prompt_tokens", "completion_tokens", "precached_prompt_tokens", "total_tokens", "calls",
        "attempts", "retry_rounds", "paid_by", "is_reused", "is_recent", "posted_at", "due_at",
        "requested_at", "claimed_until", "reserved_tokens", "analyzed_at", "found",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaidAnalysis]:
        """Leave the column `analysis` out of the list, which does not show it."""
        rows = super().get_queryset(request)
        listing = request.resolver_match and request.resolver_match.url_name
        return rows.defer("analysis") if str(listing).endswith("changelist") else rows

    @admin.display(description=_("picture"))
    def picture(self, analysis: PaidAnalysis) -> SafeString | str:
        media = media_object_id(analysis.tenant_id, analysis.sha256)
        return internal_link(page_of(MediaObject, media), analysis.sha256[:12])

    @admin.display(description=_("reason"))
    def why(self, analysis: PaidAnalysis) -> str:
        code = analysis.wait_reason or analysis.reason or analysis.error_class
        return str(explain(code)) if code else EMPTY

    @admin.display(description=_("posted at"), ordering="posted_at")
    def posted(self, analysis: PaidAnalysis) -> str:
        return short_time(analysis.posted_at)

    @admin.display(description=_("analyzed at"), ordering="analyzed_at")
    def analyzed(self, analysis: PaidAnalysis) -> str:
        return short_time(analysis.analyzed_at)

    @admin.display(description=_("analysis"))
    def found(self, analysis: PaidAnalysis) -> SafeString | str:
        return pretty_json(analysis.analysis)

    @admin.action(description=_("Analyze these pictures again"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[PaidAnalysis]) -> None:
        count = retry_backlog.retry_now(queryset, now=timezone.now())
        text = ngettext(
            "The analysis of %(count)d picture is queued.",
            "The analysis of %(count)d pictures is queued.",
            count,
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


@admin.register(ProviderHealth)
class ProviderHealthAdmin(ReadOnlyWithActions, ReadOnlyAdmin[ProviderHealth]):
    when_empty = GIGACHAT_FIRST
    list_display = (
        "provider", "current", "failures", "open_until", "paused_until", "why", "said",
    )  # fmt: skip
    fields = (*list_display, "unanswered_probes", "updated_at")
    ordering = ("provider",)
    actions = ("resume",)

    @admin.display(description=_("state"))
    def current(self, row: ProviderHealth) -> str:
        return str(STATES[circuit_breaker.state(row, now=timezone.now())])

    @admin.display(description=_("reason"))
    def why(self, row: ProviderHealth) -> str:
        return str(explain(row.pause_reason)) if row.pause_reason else EMPTY

    @admin.display(description=_("details"))
    def said(self, row: ProviderHealth) -> str:
        """The failure that lasts; one that is over would contradict the state."""
        is_well = circuit_breaker.state(row, now=timezone.now()) == "closed" and not row.failures
        return EMPTY if is_well else translated(row.details) or EMPTY

    @admin.action(description=_("Use the provider again now"), permissions=["act"])
    def resume(self, request: HttpRequest, queryset: QuerySet[ProviderHealth]) -> None:
        count = circuit_breaker.reset(queryset)
        text = ngettext(
            "%(count)d provider is in use again.",
            "%(count)d providers are in use again.",
            count,
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


def _backlog(user: User, tenant_id: str) -> BudgetReport | None:
    """The report of the chosen tenant, else of that with the longest backlog; one, as it costs."""
    waiting = Q(paid_analyses__state=AnalysisState.WAITING)
    tenants = tenants_of(user).filter(waiting).annotate(waiting=Count("paid_analyses"))
    with suppress(ValidationError, PolicyRefused):  # not an id; a policy that cannot be used
        chosen = tenants.filter(pk=tenant_id) if tenant_id else tenants.order_by("-waiting")
        tenant = chosen.first()
        return budget_report(tenant, now=timezone.now()) if tenant else None
    return None


def _limit(tenant: Tenant) -> int | None:
    try:
        return budget.limits_of(tenant, current_policy(tenant)).day
    except PolicyRefused:
        return None
