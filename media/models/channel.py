"""The channels that tenants follow."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.tenant_rows import TenantRows


class Channel(models.Model):
    """
    A Telegram channel that one tenant follows; each tenant has a row of its own for it.

    `as_of` and `older_fields` say how old title and kind are, as those of `Post` do.
    """

    tenant_path: ClassVar = "tenant"

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.PROTECT,
        related_name="channels",
        verbose_name=_("tenant"),
    )
    tg_channel_id = models.BigIntegerField(_("Telegram id"))
    username = models.CharField(
        pgettext_lazy("channel", "username"), max_length=64, blank=True, default=""
    )
    title = models.CharField(
        pgettext_lazy("channel", "title"), max_length=255, blank=True, default=""
    )
    kind = models.CharField(_("kind"), max_length=32, blank=True, default="")
    is_active = models.BooleanField(pgettext_lazy("channel", "active"), default=True)
    last_message_id = models.BigIntegerField(_("last message"), null=True, blank=True)
    last_message_at = models.DateTimeField(_("last message at"), null=True, blank=True)
    last_parsed_at = models.DateTimeField(_("last parsed at"), null=True, blank=True)
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    as_of = models.CharField(max_length=64, blank=True, default="", editable=False)
    older_fields = models.JSONField(blank=True, default=dict, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = TenantRows()

    class Meta:
        db_table = "channels"
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "tg_channel_id"], name="channel_once"),
            models.CheckConstraint(condition=Q(tg_channel_id__lt=0), name="channel_marked_id"),
        ]

    def __str__(self) -> str:
        return self.title or str(self.tg_channel_id)
