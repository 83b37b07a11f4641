"""The sessions of django-allauth under a name of ours."""

from typing import ClassVar

from allauth.usersessions.models import UserSession
from django.utils.translation import pgettext_lazy


class BrowserSession(UserSession):
    """A browser in which somebody is signed in; a row of django-allauth's table."""

    tenant_path: ClassVar = "user__memberships__tenant"

    class Meta:
        proxy = True
        verbose_name = pgettext_lazy("signing in", "session")
        verbose_name_plural = pgettext_lazy("signing in", "sessions")
