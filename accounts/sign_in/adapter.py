"""django-allauth's hooks: what is allowed here, and where a guess is limited and told of."""

from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.stagekit import clear_login
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from accounts.client_address import client_address
from accounts.models import UNKNOWN_ADDRESS, User
from accounts.sign_in import journal
from accounts.sign_in.backend import find_user
from accounts.sign_in.guesses import attempts

_BEGUN: Final = "sign_in_begun_with"
"""The key in the session of what proves the password of the first step, as Django's own does."""


class SignInAdapter(DefaultAccountAdapter):
    """Refuses all sign-ups; every guess at a password passes `attempts`."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or UNKNOWN_ADDRESS

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """
        Check a password, if it may be checked now; raises ValidationError if not.

        Called for signing in and for the confirmation of who is signed in.
        """
        name = credentials.get("username") or ""
        user = find_user(name)
        attempt = attempts.password(request, name=name, user=user)
        found: AbstractBaseUser | None = super().authenticate(request, **credentials)
        if found:
            attempt.succeeded()
        else:
            journal.failed(request, user)
        return found

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Leave out django-allauth's own limit: it counts in a cache, and not exactly."""

    def pre_login(self, request: HttpRequest, user: Any, **more: Any) -> HttpResponse | None:
        """Note with which password this begins; it may have a second step."""
        request.session[_BEGUN] = user.get_session_auth_hash()
        answer: HttpResponse | None = super().pre_login(request, user, **more)
        return answer

    def login(self, request: HttpRequest, user: Any) -> None:
        """Sign in, unless the account was closed or its password changed since the first step."""
        begun = request.session.pop(_BEGUN, "")
        if not user.is_active:
            clear_login(request)
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user))
        if not constant_time_compare(begun, user.get_session_auth_hash()):
            clear_login(request)
            journal.refused(request, user, reason="another password")
            raise ImmediateHttpResponse(HttpResponseRedirect(reverse("account_login")))
        super().login(request, user)

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        if isinstance(user, User):
            journal.refused(request, user, reason="closed account")
        answer: HttpResponse = super().respond_user_inactive(request, user)
        return answer
