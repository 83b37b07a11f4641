"""The console's page of sessions: whose there are, and ending them."""

from typing import Any

from allauth.account import admin as _account_pages  # noqa: F401 - registers pages, see below
from allauth.account.models import EmailAddress
from allauth.mfa import admin as _factor_pages  # noqa: F401
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as _identity_pages  # noqa: F401
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions import admin as _session_pages  # noqa: F401
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import BrowserSession
from accounts.sign_in import sessions
from events.console import EMPTY, BigTableAdmin, NothingEditable, short_time

# django-allauth's own pages would show keys of sessions and secrets of second factors, and let
# people add addresses and identities that nobody has verified.
for model in (UserSession, Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(BrowserSession)
class SessionAdmin(NothingEditable, BigTableAdmin[BrowserSession]):
    """Sessions that are alive, of those whom the user may see."""

    list_display = ("account", "browser", "address", "last_use", "since", "this_browser")
    fields = readonly_fields = list_display
    list_select_related = ("user",)
    search_fields = ("user__username", "ip", "user_agent")
    ordering = ("-last_seen_at", "-pk")
    actions = ("end",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BrowserSession]:
        return sessions.visible_to(request.user).select_related("user")

    @admin.display(description=_("account"), ordering="user__username")
    def account(self, session: BrowserSession) -> str:
        return str(session.user)

    @admin.display(description=_("browser"), ordering="user_agent")
    def browser(self, session: BrowserSession) -> str:
        return session.user_agent or EMPTY

    @admin.display(description=_("from where"), ordering="ip")
    def address(self, session: BrowserSession) -> str:
        return session.known_address or EMPTY

    @admin.display(description=_("last use"), ordering="last_seen_at")
    def last_use(self, session: BrowserSession) -> str:
        return short_time(session.last_seen_at)

    @admin.display(description=_("since"), ordering="created_at")
    def since(self, session: BrowserSession) -> str:
        return short_time(session.created_at)

    @admin.display(description=_("this browser"), boolean=True)
    def this_browser(self, session: BrowserSession) -> bool:
        current: bool = session.is_current()
        return current

    @admin.action(description=_("End the selected sessions"), permissions=["view"])
    def end(self, request: HttpRequest, chosen: QuerySet[BrowserSession]) -> None:
        ended = list(chosen.exclude(session_key=request.session.session_key))
        for session in ended:
            sessions.end(request, session)
        text = ngettext("%d session ended.", "%d sessions ended.", len(ended)) % len(ended)
        messages.success(request, text)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions
