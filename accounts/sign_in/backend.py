"""Find the account of a name, and check its password."""

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser

from accounts.backends import RoleBackend
from accounts.models import User


def find_user(name: str) -> User | None:
    """
    Return the account with this name, whatever the case of its letters.

    Of several names that differ in case only, the one that is written exactly so counts.
    """
    name = User.normalize_username(name)
    if not name or "\0" in name:  # PostgreSQL takes no NUL
        return None
    found = list(User.objects.filter(username__iexact=name)[:20])
    exact = [user for user in found if user.username == name]
    if exact:
        return exact[0]
    return found[0] if len(found) == 1 else None


class Backend(RoleBackend, AuthenticationBackend):
    """
    Permissions by role, and passwords as django-allauth checks them.

    A name that nobody has takes as long as another.
    """

    def _authenticate_by_username(self, username: str, password: str) -> AbstractBaseUser | None:
        found: AbstractBaseUser | None = self._check_password(find_user(username), password)
        return found
