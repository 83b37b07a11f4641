"""Identities of an OpenID Connect provider: which of them sign in, and as whom."""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import render

from accounts.models import User
from accounts.sign_in import journal
from events.outbound import purposes
from events.outbound.requests_session import requests_session


class IdentityAdapter(DefaultSocialAccountAdapter):
    """
    An identity signs in as the user it is connected to, and makes no account.

    With OIDC_MATCH_EMAIL, one that is connected to nobody signs in as the only active user whose
    e-mail address the provider has verified, and is connected by that.
    """

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        connecting = sociallogin.state.get("process") == "connect"
        if sociallogin.is_existing or (connecting and request.user.is_authenticated):
            return
        user = _owner_of(sociallogin)
        if user is None:
            raise ImmediateHttpResponse(_refuse(request, sociallogin))
        sociallogin.connect(request, user)

    def get_requests_session(self) -> Any:
        """Ask the provider through the guard of requests to the outside."""
        return requests_session(purposes.identities(settings.OIDC.issuer_url))

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> Any:
        """Only what the environment configures: an app in the database would be a second door."""
        apps = super().list_apps(request, provider=provider, client_id=client_id)
        return [app for app in apps if app.pk is None]


def _owner_of(sociallogin: Any) -> User | None:
    if not settings.OIDC.match_email:
        return None
    verified = [one.email for one in sociallogin.email_addresses if one.verified is True]
    if len(verified) != 1 or not verified[0]:
        return None
    found = list(User.objects.filter(email__iexact=verified[0], is_active=True)[:2])
    return found[0] if len(found) == 1 else None


def _refuse(request: HttpRequest, sociallogin: Any) -> Any:
    journal.refused(request, None, reason="identity that is connected to no account")
    context = {"provider": sociallogin.provider.name}
    return render(request, "socialaccount/no_account.html", context, status=403)
