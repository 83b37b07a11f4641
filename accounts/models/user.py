"""The people who sign in."""

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.time_zones import validate_time_zone

TIME_ZONE_MAX_LENGTH = 64


class User(AbstractUser):
    """A person who signs in, with the language and the time zone in which the console is shown."""

    tenant_path: ClassVar = "memberships__tenant"

    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        default="",
        choices=settings.LANGUAGES,
        help_text=_("If empty, the language of the browser is used."),
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=TIME_ZONE_MAX_LENGTH,
        blank=True,
        default="",
        validators=[validate_time_zone],
        help_text=_("If empty, the time zone of the installation is used."),
    )
    notification_address = models.EmailField(
        _("notification address"),
        blank=True,
        default="",
        help_text=_("If empty, notifications go to the e-mail address of the account."),
    )
