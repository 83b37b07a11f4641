"""Analyses by paid providers: one row for each picture, so that nothing is paid for twice."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from accounts.tenant_rows import TenantRows
from media.models import Post


class AnalysisState(models.TextChoices):
    REQUESTED = "requested", _("requested")
    CLAIMED = "claimed", _("in work")
    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class PaidAnalysis(models.Model):
    """
    The result for (tenant, sha256, provider, model, schema), which is paid for once.

    `analysis` is the truth; the copy in the bucket may be evicted. While CLAIMED,
    `reserved_tokens` of the budget of `budget_day` belong to this row; the claim is stale when
    `claimed_until` is over or the worker `claimed_by` is gone (`events.workers.liveness`). Before
    `asked_at` the provider has not been asked for this claim; after it, it may have been billed.

    `settled_claim_id` is the claim whose answer was saved last, so that saving it once more changes
    nothing. `follow_up_due`: an answer was saved, and what follows from it is still to be done.

    `is_reused`: the analysis is that of another picture, the source; which one, and how many
    bits away, stands in `PictureHash` only.
    """

    tenant_path: ClassVar = "tenant"

    is_provider_failing: bool = True
    """Whether calls may have failed before this answer. Known only to whoever has just saved it."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.PROTECT,
        related_name="paid_analyses",
        # `paid_analysis_once` begins with the tenant. With an index of the tenant alone PostgreSQL
        # read all rows of a tenant that its statistics do not know yet to find one picture.
        db_index=False,
        verbose_name=_("tenant"),
    )
    sha256 = models.CharField("SHA-256", max_length=64)
    provider = models.CharField(_("provider"), max_length=50)
    model = models.CharField(_("model"), max_length=100)
    schema_version = models.CharField(_("schema"), max_length=20)
    state = models.CharField(
        _("state"), max_length=10, choices=AnalysisState.choices, default=AnalysisState.REQUESTED
    )
    analysis = models.JSONField(_("analysis"), null=True, blank=True)
    is_reused = models.BooleanField(
        _("reused"), default=False, help_text=_("the analysis of a duplicate")
    )

    prompt_tokens = models.BigIntegerField(_("tokens of the question"), default=0)
    completion_tokens = models.BigIntegerField(_("tokens of the answer"), default=0)
    precached_prompt_tokens = models.BigIntegerField(_("tokens from the cache"), default=0)
    total_tokens = models.BigIntegerField(
        _("tokens"), default=0, help_text=_("over all calls, as the provider returned them")
    )
    calls = models.PositiveIntegerField(_("calls"), default=0)
    attempts = models.PositiveIntegerField(_("failures since it was last asked for"), default=0)
    retry_rounds = models.PositiveIntegerField(_("times given up"), default=0)
    error_class = models.CharField(_("error class"), max_length=50, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=50, blank=True, default="")
    error = models.CharField(_("error"), max_length=200, blank=True, default="")
    paid_by = models.ForeignKey(
        Post,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="paid_analyses",
        verbose_name=_("paid by"),
    )

    is_recent = models.BooleanField(_("recent post"), default=True)
    posted_at = models.DateTimeField(_("posted at"), null=True, blank=True)
    wait_reason = models.CharField(_("waits because"), max_length=50, blank=True, default="")
    due_at = models.DateTimeField(_("not before"), null=True, blank=True)
    requested_at = models.DateTimeField(_("requested again at"), null=True, blank=True)

    claim_id = models.UUIDField(null=True, blank=True, editable=False)
    claimed_by = models.UUIDField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(_("in work until"), null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    reserved_tokens = models.BigIntegerField(_("tokens reserved"), default=0)
    budget_day = models.DateField(_("of the day"), null=True, blank=True)
    settled_claim_id = models.UUIDField(null=True, blank=True, editable=False)
    follow_up_due = models.BooleanField(default=False, editable=False)

    analyzed_at = models.DateTimeField(_("analyzed at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = TenantRows()

    class Meta:
        db_table = "vision_picture_look"
        verbose_name = _("paid analysis")
        verbose_name_plural = _("paid analyses")
        constraints: ClassVar = [
            # "Paid for once" rests on this: whoever inserts second finds the row of the first.
            models.UniqueConstraint(
                fields=["tenant", "sha256", "provider", "model", "schema_version"],
                name="paid_analysis_once",
            ),
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="paid_analysis_sha256_hex"
            ),
            models.CheckConstraint(
                condition=Q(state__in=AnalysisState.values), name="paid_analysis_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state=AnalysisState.DONE) | Q(analysis__isnull=False),
                name="paid_analysis_done_has_a_result",
            ),
            models.CheckConstraint(
                condition=Q(
                    state=AnalysisState.CLAIMED,
                    claim_id__isnull=False,
                    claimed_by__isnull=False,
                    claimed_until__isnull=False,
                    budget_day__isnull=False,
                )
                | (
                    ~Q(state=AnalysisState.CLAIMED)
                    & Q(claim_id__isnull=True, claimed_by__isnull=True, reserved_tokens=0)
                ),
                name="paid_analysis_claim_is_whole",
            ),
            models.CheckConstraint(
                condition=~Q(state=AnalysisState.WAITING) | ~Q(wait_reason=""),
                name="paid_analysis_waits_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(total_tokens__gte=0, reserved_tokens__gte=0),
                name="paid_analysis_tokens_not_negative",
            ),
        ]
        indexes: ClassVar = [
            # The backlog in the order in which it is asked for again.
            models.Index(
                fields=["tenant", "-is_recent", "-posted_at", "id"],
                name="paid_analysis_backlog",
                condition=Q(state="waiting"),
                include=["wait_reason"],  # so that a scrape counts the backlog from the index alone
            ),
            models.Index(
                fields=["updated_at"],
                name="paid_analysis_in_work",
                condition=Q(state__in=("claimed", "requested")),
            ),
            # The last pictures that cost tokens: what the estimate is learned from.
            models.Index(
                fields=["provider", "model", "-analyzed_at"],
                name="paid_analysis_recent",
                condition=Q(total_tokens__gt=0),
            ),
            # Answers whose worker was killed before it did what follows; empty nearly always.
            models.Index(
                fields=["updated_at"],
                name="paid_analysis_follow_up",
                condition=Q(follow_up_due=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} {self.provider}"
