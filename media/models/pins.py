"""Which messages of a channel were pinned."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenant_rows import TenantRows
from media.models.channel import Channel


class PinnedMessage(models.Model):
    """
    A message that was pinned in its channel at some time.

    By its number and not by its post, which an older export may bring later. No source says when a
    message was unpinned, so that is not known.
    """

    tenant_path: ClassVar = "channel__tenant"

    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="pinned_messages", db_index=False
    )
    telegram_message_id = models.BigIntegerField()

    objects = TenantRows()

    class Meta:
        db_table = "pinned_messages"
        verbose_name = _("pinned message")
        verbose_name_plural = _("pinned messages")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "telegram_message_id"], name="pinned_message_once"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.telegram_message_id}"
