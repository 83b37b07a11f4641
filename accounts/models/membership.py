"""Which user may do what to which tenant's archive."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.tenant import Tenant


class Role(models.TextChoices):
    """What a member is to a tenant. `accounts.access` knows what each role may do."""

    VIEWER = "viewer", _("viewer")
    OPERATOR = "operator", _("operator")
    ADMINISTRATOR = "administrator", _("administrator")


class Membership(models.Model):
    """
    The role of a user in a tenant. Who has none knows nothing of the tenant.

    Superusers may do everything to every tenant and need no membership.
    """

    tenant_path: ClassVar = "tenant"

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("tenant")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name=_("user"),
    )
    role = models.CharField(
        _("role"),
        max_length=20,
        choices=Role.choices,
        default=Role.VIEWER,
        help_text=_(
            "A viewer reads. An operator also imports, repeats, cleans up and spends tokens."
            " An administrator also decides who belongs to the tenant, and reads the audit."
        ),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "tenant"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} – {self.tenant}"
