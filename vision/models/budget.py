"""Tokens that tenants use for pictures, day by day, and the greatest cost of a call."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from accounts.tenant_rows import TenantRows


class TokenBudget(models.Model):
    """
    The tokens of one tenant on one UTC day; a month is the sum of its days.

    `used_tokens` is what is to be paid; it shrinks only when an estimate in `lost_tokens` is
    replaced by the real usage. A reset adds to `forgiven_tokens` instead.
    """

    tenant_path: ClassVar = "tenant"

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="token_budgets", verbose_name=_("tenant")
    )
    day = models.DateField(_("day (UTC)"))
    used_tokens = models.BigIntegerField(_("tokens used"), default=0)
    reserved_tokens = models.BigIntegerField(_("tokens reserved"), default=0)
    reserved_calls = models.PositiveIntegerField(_("calls in progress"), default=0)
    lost_tokens = models.BigIntegerField(
        _("of these, assumed"),
        default=0,
        help_text=_("estimates of calls whose worker was lost before it knew the usage"),
    )
    forgiven_tokens = models.BigIntegerField(
        _("tokens forgiven"), default=0, help_text=_("by resets; they no longer count as used")
    )
    calls = models.PositiveIntegerField(_("calls"), default=0)
    overrun_calls = models.PositiveIntegerField(
        _("calls above what was reserved"),
        default=0,
        help_text=_("calls that cost more than the ceiling that was reserved for them"),
    )
    overrun_tokens = models.BigIntegerField(
        _("tokens above what was reserved"),
        default=0,
        help_text=_("by this much at most the tokens used may exceed the limit"),
    )
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = TenantRows()

    class Meta:
        db_table = "vision_token_budget"
        verbose_name = _("token budget")
        verbose_name_plural = _("token budgets")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "day"], name="token_budget_once"),
            models.CheckConstraint(
                condition=Q(used_tokens__gte=0), name="token_budget_used_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(reserved_tokens__gte=0), name="token_budget_reserved_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(lost_tokens__gte=0, lost_tokens__lte=F("used_tokens")),
                name="token_budget_lost_is_part_of_used",
            ),
            models.CheckConstraint(
                condition=Q(forgiven_tokens__gte=0), name="token_budget_forgiven_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(overrun_tokens__gte=0), name="token_budget_overrun_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return str(self.day)

    @property
    def counted_tokens(self) -> int:
        """Tokens that count against the limit; a correction may leave less used than forgiven."""
        return max(0, self.used_tokens - self.forgiven_tokens)


class CallCost(models.Model):
    """
    The greatest cost of one call of a model so far, over all tenants.

    Reservations are never below it, see `vision.limits.ceiling`. An operator deletes the row when
    a cost was a slip of the provider: the next calls are learned from anew.
    """

    provider = models.CharField(_("provider"), max_length=50)
    model = models.CharField(_("model"), max_length=100)
    most_tokens = models.BigIntegerField(_("most tokens of one call"), default=0)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        db_table = "vision_call_cost"
        verbose_name = _("greatest cost of a call")
        verbose_name_plural = _("greatest costs of calls")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "model"], name="call_cost_once"),
            models.CheckConstraint(condition=Q(most_tokens__gte=0), name="call_cost_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.model}"
