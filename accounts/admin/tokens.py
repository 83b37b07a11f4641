"""The console's list of everybody's tokens: who may look at it sees no token, and can revoke."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_stubs_ext import StrPromise

from accounts.models import ApiToken, TokenState
from accounts.tokens import revoke as ending
from events.console import BigTableAdmin, NothingEditable

SHOWN = (
    "beginning", "user", "name", "scope", "tenant", "state", "created", "expiry", "last_used_at",
    "revoked_at",
)  # fmt: skip


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, StrPromise | str]]:
        return list(TokenState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        revoked, expired = Q(revoked_at__isnull=False), Q(expiry__lte=now)
        match self.value():
            case TokenState.REVOKED:
                return queryset.filter(revoked)
            case TokenState.EXPIRED:
                return queryset.filter(expired).exclude(revoked)
            case TokenState.ACTIVE:
                return queryset.exclude(revoked).exclude(expired)
            case _:
                return queryset


@admin.register(ApiToken)
class ApiTokenAdmin(NothingEditable, BigTableAdmin[ApiToken]):
    """
    Superusers see all tokens; administrators of a tenant those that are for this tenant alone.

    Tokens are made by their users, on the page of the own tokens.
    """

    list_display = (
        "beginning",
        "user",
        "name",
        "scope",
        "tenant",
        "expiry",
        "last_used_at",
        "state",
    )
    list_select_related = ("user", "tenant")
    list_filter = (StateFilter, "scope", "tenant")
    search_fields = ("token_key", "name", "user__username")
    fields = readonly_fields = SHOWN
    ordering = ("-created",)
    actions = ("revoke",)

    @admin.display(description=_("begins with"), ordering="token_key")
    def beginning(self, token: ApiToken) -> str:
        return f"{token.token_key}…"

    @admin.display(description=_("state"))
    def state(self, token: ApiToken) -> str:
        return str(token.state(timezone.now()).label)

    @admin.action(description=_("Revoke the selected tokens"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        now = timezone.now()
        count = sum(
            ending.revoke(token, now=now) for token in queryset.select_related("user", "tenant")
        )
        text = ngettext("%(count)d token is revoked.", "%(count)d tokens are revoked.", count)
        messages.success(request, text % {"count": count})
