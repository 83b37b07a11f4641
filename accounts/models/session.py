"""The sessions of django-allauth under a name of ours."""

from typing import ClassVar

from allauth.usersessions.models import UserSession
from django.utils.translation import gettext_lazy as _


class BrowserSession(UserSession):
    """A browser in which somebody is signed in; a row of django-allauth's table."""

    tenant_path: ClassVar = "user__memberships__tenant"

    class Meta:
        proxy = True
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
