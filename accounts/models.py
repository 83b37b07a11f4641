"""Users, tenants, and which user may view which tenant's archive."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.time_zones import validate_time_zone

TIME_ZONE_MAX_LENGTH = 64


class User(AbstractUser):
    """A person who signs in, with the language and the time zone in which the console is shown."""

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


class Tenant(models.Model):
    """The owner of an archive. Limits, object keys and budgets are per tenant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200, unique=True)
    settings = models.JSONField(
        _("settings"),
        default=dict,
        blank=True,
        help_text=_('Own limits by type, in GiB: {"limits": {"media_gb": 1.5, "vision_gb": 0.5}}'),
    )
    limit_bytes = models.BigIntegerField(
        _("own limit, bytes"),
        null=True,
        blank=True,
        help_text=_("Replaces S3_PER_TENANT_LIMIT_GB for this tenant."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(limit_bytes__isnull=True) | Q(limit_bytes__gte=0),
                name="tenant_limit_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """
    The right of a user to view a tenant's archive through the API.

    Operators (active members of staff) may view every tenant and need no membership.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("tenant")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name=_("user"),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "tenant"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} – {self.tenant}"
