"""
Browsers in which somebody signed in before, told by a signed cookie.

Such a browser has an allowance of guesses of its own, so that strangers who guess at an account
cannot keep its owner out. The cookie proves nothing but that: the password is asked all the same.
"""

import secrets
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User

MAX_AGE_SECONDS: Final = 180 * 24 * 3600
_SALT: Final = "accounts.sign_in.guesses.known_device"
_PENDING: Final = "_known_device_of"


def device_of(request: HttpRequest, user: User) -> str:
    """Return the id of this browser if `user` signed in with it before, or an empty text."""
    signed = request.COOKIES.get(_cookie_name(user), "")
    try:
        said = signing.loads(signed, salt=_SALT, max_age=MAX_AGE_SECONDS)
    except signing.BadSignature:
        return ""
    right = isinstance(said, dict) and constant_time_compare(
        f"{said.get('user')}:{said.get('password')}", f"{user.pk}:{_fingerprint(user)}"
    )
    return str(said["device"]) if right else ""


def remember(request: HttpRequest, user: User) -> None:
    """Let the answer to this request make its browser one that is known."""
    setattr(request, _PENDING, user)


def write_cookie(request: HttpRequest, response: HttpResponseBase) -> None:
    """Set the cookie that `remember` has asked for, if it has."""
    user: User | None = getattr(request, _PENDING, None)
    if user is None:
        return
    said = {"user": user.pk, "device": secrets.token_hex(16), "password": _fingerprint(user)}
    response.set_cookie(
        _cookie_name(user),
        signing.dumps(said, salt=_SALT),
        max_age=MAX_AGE_SECONDS,
        path=reverse("account_login").removesuffix("login/"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _cookie_name(user: User) -> str:
    # Its path is that of the door, which the prefix __Host- does not allow.
    prefix = "__Secure-" if settings.SESSION_COOKIE_SECURE else ""
    return f"{prefix}known_device_{user.pk}"


def _fingerprint(user: User) -> str:
    """What changes with the password, and does not tell it: a new password forgets all browsers."""
    return salted_hmac(_SALT, user.password, algorithm="sha256").hexdigest()[:32]
