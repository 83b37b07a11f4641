"""The console's view of what pictures cost: budgets, looks, the state of the provider."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import Tenant
from events.console import (
    EMPTY,
    NothingEditable,
    ReadOnlyAdmin,
    internal_link,
    page_of,
    pretty_json,
    short_time,
)
from media.models import MediaObject, media_object_id
from vision.limits import budget, circuit_breaker
from vision.models import PictureLook, ProviderHealth, TokenBudget
from vision.policy.loader import current_policy
from vision.policy.schema import PolicyRefused
from vision.reasons import explain
from vision.services import retry_backlog

STATES = {
    "closed": _("closed"),
    "open": _("open"),
    "half_open": _("half open"),
    "paused": _("paused"),
}


class Acting(NothingEditable):
    """Nobody edits what the pipeline owns; who may see it may press its buttons."""

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("vision.change_tokenbudget")


@admin.register(TokenBudget)
class TokenBudgetAdmin(Acting, ReadOnlyAdmin[TokenBudget]):
    list_display = (
        "day", "tenant", "used_tokens", "reserved_tokens", "limit", "share", "calls",
        "forgiven_tokens", "lost_tokens",
    )  # fmt: skip
    list_filter = ("tenant", "day")
    list_select_related = ("tenant",)
    ordering = ("-day", "tenant__name")
    actions = ("forgive",)

    @admin.display(description=_("limit"))
    def limit(self, row: TokenBudget) -> str:
        most = _limit(row.tenant)
        return EMPTY if most is None else str(most)

    @admin.display(description=_("share of the limit"))
    def share(self, row: TokenBudget) -> str:
        most = _limit(row.tenant)
        taken = row.counted_tokens + row.reserved_tokens
        return f"{taken / most:.0%}" if most else EMPTY

    @admin.action(description=_("Forgive what was used this month"), permissions=["act"])
    def forgive(self, request: HttpRequest, queryset: QuerySet[TokenBudget]) -> None:
        now = timezone.now()
        tenants = Tenant.objects.filter(token_budgets__in=queryset).distinct()
        count = sum(budget.reset(tenant=tenant, now=now) for tenant in tenants)
        retry_backlog.ask_due(now=now)
        said = ngettext("%(count)d token is forgiven.", "%(count)d tokens are forgiven.", count)
        self.message_user(request, said % {"count": count}, messages.SUCCESS)


@admin.register(PictureLook)
class PictureLookAdmin(Acting, ReadOnlyAdmin[PictureLook]):
    list_display = (
        "picture", "tenant", "state", "why", "total_tokens", "calls", "live", "posted", "looked",
    )  # fmt: skip
    list_filter = ("state", "waits_for", "error_class", "live", "tenant", "provider", "model")
    list_select_related = ("tenant",)
    search_fields = ("=sha256",)
    search_help_text = "SHA-256"
    ordering = ("-id",)
    actions = ("ask_again",)
    fields = (
        "picture", "tenant", "state", "why", "error", "provider", "model", "schema_version",
        "prompt_tokens", "completion_tokens", "precached_prompt_tokens", "total_tokens", "calls",
        "attempts", "rounds", "paid_by", "same_as", "distance", "live", "posted_at", "due_at",
        "asked_at", "claimed_until", "reserved_tokens", "looked_at", "found",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[PictureLook]:
        """A list of hundreds of analyses is not loaded to show their tokens."""
        rows = super().get_queryset(request)
        listing = request.resolver_match and request.resolver_match.url_name
        return rows.defer("analysis") if str(listing).endswith("changelist") else rows

    @admin.display(description=_("picture"))
    def picture(self, look: PictureLook) -> SafeString | str:
        media = media_object_id(look.tenant_id, look.sha256)
        return internal_link(page_of(MediaObject, media), look.sha256[:12])

    @admin.display(description=_("reason"))
    def why(self, look: PictureLook) -> str:
        code = look.waits_for or look.reason or look.error_class
        return str(explain(code)) if code else EMPTY

    @admin.display(description=_("posted at"), ordering="posted_at")
    def posted(self, look: PictureLook) -> str:
        return short_time(look.posted_at)

    @admin.display(description=_("looked at"), ordering="looked_at")
    def looked(self, look: PictureLook) -> str:
        return short_time(look.looked_at)

    @admin.display(description=_("analysis"))
    def found(self, look: PictureLook) -> SafeString | str:
        return pretty_json(look.analysis)

    @admin.action(description=_("Ask about these pictures again"), permissions=["act"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet[PictureLook]) -> None:
        count = retry_backlog.ask_for(queryset, now=timezone.now())
        said = ngettext(
            "%(count)d picture is asked for again.",
            "%(count)d pictures are asked for again.",
            count,
        )
        self.message_user(request, said % {"count": count}, messages.SUCCESS)


@admin.register(ProviderHealth)
class ProviderHealthAdmin(Acting, ReadOnlyAdmin[ProviderHealth]):
    list_display = (
        "provider", "current", "failures", "open_until", "paused_until", "why", "details",
    )  # fmt: skip
    ordering = ("provider",)
    actions = ("may_be_asked",)

    @admin.display(description=_("state"))
    def current(self, row: ProviderHealth) -> str:
        return str(STATES[circuit_breaker.state(row, now=timezone.now())])

    @admin.display(description=_("reason"))
    def why(self, row: ProviderHealth) -> str:
        return str(explain(row.pause_reason)) if row.pause_reason else EMPTY

    @admin.action(description=_("Ask again now"), permissions=["act"])
    def may_be_asked(self, request: HttpRequest, queryset: QuerySet[ProviderHealth]) -> None:
        count = circuit_breaker.forgive(queryset)
        said = ngettext(
            "%(count)d provider may be asked again.",
            "%(count)d providers may be asked again.",
            count,
        )
        self.message_user(request, said % {"count": count}, messages.SUCCESS)


def _limit(tenant: Tenant) -> int | None:
    try:
        return budget.ceilings(tenant, current_policy(tenant)).day
    except PolicyRefused:
        return None
