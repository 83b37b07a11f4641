"""django-allauth's hooks: what is allowed here, and where a guess is limited and told of."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse

from accounts.client_address import client_address
from accounts.models import User
from accounts.sign_in import journal
from accounts.sign_in.backend import find_user
from accounts.sign_in.guesses import attempts


class SignInAdapter(DefaultAccountAdapter):
    """Refuses all sign-ups; every guess at a password passes `attempts`."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        # Behind a socket of the file system nothing is known; a column of django-allauth asks for one.
        return client_address(request) or "0.0.0.0"  # noqa: S104 - no address to listen at

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

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        if isinstance(user, User):
            journal.refused(request, user, reason="closed account")
        answer: HttpResponse = super().respond_user_inactive(request, user)
        return answer
