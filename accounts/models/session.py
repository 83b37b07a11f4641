"""The sessions of django-allauth under a name of ours."""

from typing import ClassVar, Final

from allauth.usersessions.models import UserSession
from django.utils.translation import pgettext_lazy

UNKNOWN_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - no address to listen at
"""Kept where nobody knows the address, as behind a socket of the file system: the column asks for one."""


class BrowserSession(UserSession):
    """A browser in which somebody is signed in; a row of django-allauth's table."""

    tenant_path: ClassVar = "user__memberships__tenant"

    class Meta:
        proxy = True
        verbose_name = pgettext_lazy("signing in", "session")
        verbose_name_plural = pgettext_lazy("signing in", "sessions")

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.known_address, self.user_agent))) or str(self.pk)

    @property
    def known_address(self) -> str:
        """From where it was used last; empty where nobody knows."""
        return "" if self.ip == UNKNOWN_ADDRESS else str(self.ip)
