"""Rules of passwords: not a known one, not one made of names. No rule about kinds of characters."""

from typing import Any, Final

from allauth.core import context
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from zxcvbn import zxcvbn

from accounts.models import User
from accounts.sign_in import journal, sessions
from accounts.sign_in.guesses import attempts

GUESSES: Final = 1_000_000
"""Guesses that a password must withstand. Every password of the list falls to 30,000."""
_LOOKED_AT: Final = 72
"""Characters that are looked at: the time grows with the square of the length."""
_CONTEXT: Final = ("telegram", "assistant", "telegramassistant", "archive", "архив")


class KnownPasswordValidator:
    """
    Refuse passwords of leaks and simple variations of them.

    zxcvbn ships 30,000 leaked passwords beside dictionaries and names, and estimates how many
    guesses a cracker needs who knows these, dates, rows of the keyboard and the account's name.
    """

    def validate(self, password: str, user: Any = None) -> None:
        words = [*_CONTEXT, *_names_of(user)]
        estimate = zxcvbn(password[:_LOOKED_AT], user_inputs=words)
        if estimate["guesses"] < GUESSES:
            raise ValidationError(self.get_help_text(), code="password_known")

    def get_help_text(self) -> str:
        return _("The password is not one that is known from leaks, or easily guessed.")


class PasswordChangeNoticed:
    """
    No rule: Django tells validators of each new password, whichever way it was set.

    Whoever knew the old one is signed out everywhere but in the browser that changed it.
    """

    def validate(self, password: str, user: Any = None) -> None:
        """Every password passes."""

    def get_help_text(self) -> str:
        return ""

    def password_changed(self, password: str, user: Any = None) -> None:
        if not isinstance(user, User):
            return
        request = getattr(context, "request", None)
        current = None
        if request is not None and request.user == user:
            current = request.session.session_key
        sessions.end_all_of(user, but=current)
        attempts.forget(user)
        journal.changed(request, user, "password.changed")


def _names_of(user: Any) -> list[str]:
    fields = ("username", "first_name", "last_name", "email")
    return [value for field in fields if (value := getattr(user, field, ""))]
