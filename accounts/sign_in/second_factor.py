"""Authenticator apps, recovery codes and passkeys: limits, storage, and who must have one."""

import base64
import secrets
from typing import Any, Final

from allauth.core import context
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.access import Action
from accounts.models import User
from accounts.sign_in import journal
from accounts.sign_in.guesses import attempts

_SALT: Final = "accounts.sign_in.second_factor"
PRODUCT: Final = "Telegram Assistant"
FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What counts as a second factor; recovery codes only stand in for one of these."""


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of authenticator apps are stored encrypted: a copy of the database opens no account."""

    def get_totp_issuer(self) -> str:
        return PRODUCT

    def _get_site_name(self) -> str:
        return PRODUCT

    def encrypt(self, text: str) -> str:
        return _keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt; without the key of that time, return a secret that nobody's codes are made of."""
        try:
            return _keys().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return base64.b32encode(secrets.token_bytes(20)).decode()


def _keys() -> MultiFernet:
    """Derive a key from each secret key of the installation; the first one encrypts."""
    known = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    derived = [salted_hmac(_SALT, "", secret=key, algorithm="sha256").digest() for key in known]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])


def _is_first_use(user: User, code: str) -> bool:
    """
    Whether the code was not used before, as long as it may be right.

    allauth remembers it for one period only, however many the code is right in.
    """
    used = salted_hmac(_SALT, f"{user.pk} {normalize_user_code(code)}", algorithm="sha256")
    seconds = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
    return bool(cache.add(f"{_SALT}.used:{used.hexdigest()}", "", timeout=seconds))


class _Limited:
    """A form with a code, which is checked only if `attempts` lets it, and is right only once."""

    user: User

    def clean_code(self) -> Any:
        attempt = attempts.code(context.request, self.user)
        code = super().clean_code()  # type: ignore[misc]
        if not _is_first_use(self.user, code):
            raise get_adapter().validation_error("incorrect_code")
        attempt.succeeded()
        return code


class CodeForm(_Limited, AuthenticateForm):
    """The second step of signing in."""


class ConfirmationForm(_Limited, ReauthenticateForm):
    """A code instead of the password, where a signed-in user confirms who they are."""


class AppForm(ActivateTOTPForm):
    """A new authenticator app. Its first code proves that it works, and opens nothing afterwards."""

    def clean_code(self) -> str:
        code: str = super().clean_code()
        _is_first_use(self.user, code)
        return code


class PasskeyForm(AddWebAuthnForm):
    """A new passkey, with which one may sign in without a password unless one says otherwise."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name of the key")
        self.fields["passwordless"].initial = True


class RenamePasskeyForm(EditWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name of the key")


def is_missing(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the installation demands a second factor of `user`, and there is none."""
    if not _is_demanded(user):
        return False
    return not Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists()


def _is_demanded(user: AbstractBaseUser | AnonymousUser) -> bool:
    demanded_of = settings.SIGN_IN.require_second_factor
    if demanded_of == "administrators":
        return access.may_anywhere(user, Action.ADMINISTER)
    return bool(demanded_of == "all")


def remove_all_of(request: HttpRequest, user: User) -> int:
    """Remove every factor of somebody who has lost them; returns how many there were."""
    factors = list(Authenticator.objects.filter(user=user))
    for factor in factors:
        factor.delete()
        journal.changed(request, user, "second_factor.removed", kind=factor.type)
    return len(factors)
