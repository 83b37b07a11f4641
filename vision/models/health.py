"""How a provider is doing, as all workers together see it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ProviderHealth(models.Model):
    """
    The breaker of one provider; without a row, or with no failures, it is closed.

    `open_until`: nobody asks before. `probe_until`: somebody has been asking since then, alone.
    `paused_until`: the provider itself said that asking is useless for now.
    """

    provider = models.CharField(_("provider"), max_length=50, primary_key=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    open_until = models.DateTimeField(_("open until"), null=True, blank=True)
    probe_until = models.DateTimeField(_("probe until"), null=True, blank=True)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    pause_reason = models.CharField(_("reason"), max_length=50, blank=True, default="")
    details = models.CharField(_("details"), max_length=200, blank=True, default="")
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        db_table = "vision_provider_health"
        verbose_name = _("state of a provider")
        verbose_name_plural = _("states of providers")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(paused_until__isnull=True) | ~Q(pause_reason=""),
                name="provider_pause_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.provider
