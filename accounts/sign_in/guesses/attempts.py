"""
A guess at a password or at a code, from the claim of its lanes to its outcome.

An account and an address have a lane each. A browser in which the account's owner signed in before
has one lane of its own instead of both, so that nobody else's guesses keep the owner out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.client_address import client_address, network_of
from accounts.models import User
from accounts.sign_in import journal
from accounts.sign_in.guesses import limits
from accounts.sign_in.guesses.known_device import device_of
from accounts.sign_in.guesses.limits import Lane, TooManyGuesses

RETRY_AFTER: Final = "sign_in_retry_after"
"""Attribute of a request that was refused: seconds after which a guess is checked again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A guess that may be checked. `shared` are lanes that others use as well."""

    own: Lane
    shared: tuple[Lane, ...] = ()

    def succeeded(self) -> None:
        """Give the claim back: the guess was right."""
        limits.clear(self.own)
        for lane in self.shared:
            limits.give_back(lane, now=timezone.now())


def password(request: HttpRequest, *, name: str, user: User | None) -> Attempt:
    """Claim a guess at the password of `user`, or of a name that nobody has."""
    return _claim(request, user, _password_lanes(request, name=name, user=user))


def code(request: HttpRequest, user: User) -> Attempt:
    """
    Claim a guess at a code of an authenticator or a recovery code of `user`.

    Only those who know the password come so far, so strangers cannot use this allowance up.
    """
    device = device_of(request, user)
    key = f"code:{user.pk}:{device}" if device else f"code:{user.pk}"
    return _claim(request, user, Attempt(Lane(key, settings.SIGN_IN.account_failures)))


def forget(user: User) -> None:
    """Let the next guess at the password of `user` be checked: there is a new one."""
    limits.clear(Lane(_account_key("", user), settings.SIGN_IN.account_failures))


@contextmanager
def right_password(request: HttpRequest, user: User) -> Iterator[None]:
    """Claim a guess at the password of `user`, which is right if the block raises nothing."""
    attempt = password(request, name=user.get_username(), user=user)
    try:
        yield
    except ValidationError:
        journal.failed(request, user)
        raise
    attempt.succeeded()


def _password_lanes(request: HttpRequest, *, name: str, user: User | None) -> Attempt:
    free = settings.SIGN_IN.account_failures
    if user and (device := device_of(request, user)):
        return Attempt(Lane(f"device:{user.pk}:{device}", free))
    return Attempt(Lane(_account_key(name, user), free), tuple(_address_lanes(request)))


def _address_lanes(request: HttpRequest) -> Iterator[Lane]:
    """An address that is not known limits nobody: everybody would have it."""
    if address := network_of(client_address(request)):
        yield Lane(f"address:{address}", settings.SIGN_IN.address_failures)


def _account_key(name: str, user: User | None) -> str:
    """A name that nobody has waits like one of an account; it may be a password: keep its hash."""
    if user:
        return f"account:{user.pk}"
    spelled = User.normalize_username(name).casefold()
    return f"nobody:{salted_hmac(__name__, spelled, algorithm='sha256').hexdigest()}"


def _claim(request: HttpRequest, user: User | None, attempt: Attempt) -> Attempt:
    try:
        limits.claim((*attempt.shared, attempt.own), now=timezone.now())
    except TooManyGuesses as refusal:
        kind = refusal.lane.key.partition(":")[0]
        journal.limited(
            request, user, kind=kind, until=refusal.until, is_first=refusal.refused == 1
        )
        raise _answer(request, refusal) from refusal
    return attempt


def _answer(request: HttpRequest, refusal: TooManyGuesses) -> ValidationError:
    """The same words for an account, for a name that nobody has, and for an address."""
    seconds = max(1, round((refusal.until - timezone.now()).total_seconds()))
    setattr(request, RETRY_AFTER, seconds)
    return ValidationError(
        " ".join((
            _("Too many attempts failed, so this one was not checked."),
            _again_in(seconds),
            _("With a passkey, or in a browser you have signed in with before, you need not wait."),
        )),
        code="too_many_login_attempts",
    )  # fmt: skip


def _again_in(seconds: int) -> str:
    if seconds < 60:  # noqa: PLR2004 - a minute
        text = ngettext("Try again in %d second.", "Try again in %d seconds.", seconds)
        return text % seconds
    minutes = -(-seconds // 60)
    return ngettext("Try again in %d minute.", "Try again in %d minutes.", minutes) % minutes
