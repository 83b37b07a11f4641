"""The form that changes the own password."""

from allauth.account.forms import ChangePasswordForm
from allauth.core import context

from accounts.models import User
from accounts.sign_in.guesses import attempts


class PasswordForm(ChangePasswordForm):
    """Guesses at the current password are limited as at the door: the session may be stolen."""

    user: User

    def clean_oldpassword(self) -> str:
        with attempts.right_password(context.request, self.user):
            password: str = super().clean_oldpassword()
        return password
