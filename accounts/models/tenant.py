"""The owners of archives."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Tenant(models.Model):
    """The owner of an archive. Limits, object keys and budgets are per tenant."""

    tenant_path: ClassVar = "pk"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200, unique=True)
    settings = models.JSONField(
        _("settings"),
        default=dict,
        blank=True,
        help_text=_(
            'Sections of settings of its own, for example {"limits": {"media_gb": 1.5},'
            ' "vision_policy": {"limits": {"max_daily_tokens_per_tenant": 100000}},'
            ' "tagging": {"tagger": "gigachat"}}'
        ),
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
