"""What follows when django-allauth and Django say that somebody signed in, out, or changed how."""

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import password_reset, user_logged_in
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as identities
from allauth.usersessions.models import UserSession
from django.contrib.auth.signals import user_logged_out
from django.http import HttpRequest

from accounts.models import User
from accounts.sign_in import journal
from accounts.sign_in.guesses import known_device


def connect() -> None:
    """Connect all receivers; called once, when the apps are ready."""
    user_logged_in.connect(_signed_in)
    user_logged_out.connect(_signed_out)
    password_reset.connect(_password_reset)
    mfa.authenticator_added.connect(_factor_added)
    mfa.authenticator_removed.connect(_factor_removed)
    mfa.authenticator_reset.connect(_codes_made)
    mfa.authenticator_used.connect(_factor_used)
    mfa.authentication_failed.connect(_code_failed)
    identities.social_account_added.connect(_identity_linked)
    identities.social_account_removed.connect(_identity_unlinked)


def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    methods = [_method(record) for record in get_authentication_records(request, user)]
    journal.succeeded(request, user, method="+".join(methods) or "unknown")
    known_device.remember(request, user)


def _method(record: dict[str, Any]) -> str:
    return str(record.get("type") or record.get("provider") or record["method"])


def _signed_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is None:
        return
    UserSession.objects.filter(session_key=request.session.session_key).delete()
    journal.signed_out(request, user)


def _password_reset(request: HttpRequest, user: User, **_: Any) -> None:
    journal.changed(request, user, "password.reset")


def _factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        journal.changed(request, user, "recovery_codes.made")
    else:
        journal.changed(request, user, "second_factor.added", kind=authenticator.type)
    known_device.remember(request, user)


def _factor_removed(request: HttpRequest, authenticator: Authenticator, **_: Any) -> None:
    journal.changed(request, authenticator.user, "second_factor.removed", kind=authenticator.type)


def _codes_made(request: HttpRequest, user: User, **_: Any) -> None:
    journal.changed(request, user, "recovery_codes.made")


def _factor_used(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        journal.changed(request, user, "recovery_code.used")


def _code_failed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    journal.code_failed(request, user, kind=authenticator.type)


def _identity_linked(request: HttpRequest, sociallogin: Any, **_: Any) -> None:
    journal.changed(request, sociallogin.user, "account.linked")


def _identity_unlinked(request: HttpRequest, socialaccount: Any, **_: Any) -> None:
    journal.changed(request, socialaccount.user, "account.unlinked")
