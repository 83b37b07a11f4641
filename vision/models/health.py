"""Health of a provider, shared by all workers."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ProviderHealth(models.Model):
    """
    The circuit breaker of one provider; closed without a row, or without failures.

    `open_until`: no worker asks before. `probe_until`: until then one worker probes and no other
    asks. `unanswered_probes`: so many in a row were sent, and perhaps billed, and not answered.
    `paused_until`: the provider itself said that asking is useless until then.
    """

    provider = models.CharField(_("provider"), max_length=50, primary_key=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    open_until = models.DateTimeField(_("open until"), null=True, blank=True)
    probe_until = models.DateTimeField(_("probe until"), null=True, blank=True)
    unanswered_probes = models.PositiveIntegerField(
        _("unanswered probes in a row"), default=0, db_default=0
    )
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
