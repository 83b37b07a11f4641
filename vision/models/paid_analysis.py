"""What was asked about pictures, once for each."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from media.models import Post


class LookState(models.TextChoices):
    OPEN = "open", _("asked for")
    CLAIMED = "claimed", _("in work")
    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class PictureLook(models.Model):
    """
    One picture before one paid provider: the result that is paid for once, ever.

    The bucket holds a copy of `analysis` for whoever reads documents, and may lose it. While
    claimed, `reserved_tokens` of the budget of `reserved_on` belong to this row; the claim is
    dead when its lease is over or nobody holds its lock any more (`events.advisory_locks`).
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="looks", verbose_name=_("tenant")
    )
    sha256 = models.CharField("SHA-256", max_length=64)
    provider = models.CharField(_("provider"), max_length=50)
    model = models.CharField(_("model"), max_length=100)
    schema_version = models.CharField(_("schema"), max_length=20)
    state = models.CharField(
        _("state"), max_length=10, choices=LookState.choices, default=LookState.OPEN
    )
    analysis = models.JSONField(_("analysis"), null=True, blank=True)
    same_as = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="shared_with",
        verbose_name=_("taken over from"),
    )  # fmt: skip
    distance = models.PositiveSmallIntegerField(_("distance"), null=True, blank=True)

    prompt_tokens = models.BigIntegerField(_("tokens of the question"), default=0)
    completion_tokens = models.BigIntegerField(_("tokens of the answer"), default=0)
    precached_prompt_tokens = models.BigIntegerField(_("tokens from the cache"), default=0)
    total_tokens = models.BigIntegerField(
        _("tokens"), default=0, help_text=_("over all calls, as the provider returned them")
    )
    calls = models.PositiveIntegerField(_("calls"), default=0)
    attempts = models.PositiveIntegerField(_("failures since it was last asked for"), default=0)
    rounds = models.PositiveIntegerField(_("times given up"), default=0)
    error_class = models.CharField(_("error class"), max_length=50, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=50, blank=True, default="")
    error = models.CharField(_("error"), max_length=200, blank=True, default="")
    paid_by = models.ForeignKey(
        Post, on_delete=models.SET_NULL, null=True, blank=True, related_name="paid_looks",
        verbose_name=_("paid by"),
    )  # fmt: skip

    live = models.BooleanField(_("fresh post"), default=True)
    posted_at = models.DateTimeField(_("posted at"), null=True, blank=True)
    waits_for = models.CharField(_("waits because"), max_length=50, blank=True, default="")
    due_at = models.DateTimeField(_("not before"), null=True, blank=True)
    asked_at = models.DateTimeField(_("asked again at"), null=True, blank=True)

    claim_id = models.UUIDField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(_("in work until"), null=True, blank=True)
    reserved_tokens = models.BigIntegerField(_("tokens reserved"), default=0)
    reserved_on = models.DateField(_("of the day"), null=True, blank=True)

    looked_at = models.DateTimeField(_("looked at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        db_table = "vision_picture_look"
        verbose_name = _("look at a picture")
        verbose_name_plural = _("looks at pictures")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "sha256", "provider", "model", "schema_version"],
                name="picture_look_once",
            ),
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="picture_look_sha256_hex"
            ),
            models.CheckConstraint(
                condition=Q(state__in=LookState.values), name="picture_look_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state=LookState.DONE) | Q(analysis__isnull=False),
                name="picture_look_done_has_a_result",
            ),
            models.CheckConstraint(
                condition=Q(
                    state=LookState.CLAIMED,
                    claim_id__isnull=False,
                    claimed_until__isnull=False,
                    reserved_on__isnull=False,
                )
                | (~Q(state=LookState.CLAIMED) & Q(claim_id__isnull=True, reserved_tokens=0)),
                name="picture_look_claim_is_whole",
            ),
            models.CheckConstraint(
                condition=~Q(state=LookState.WAITING) | ~Q(waits_for=""),
                name="picture_look_waits_for_something",
            ),
            models.CheckConstraint(
                condition=Q(total_tokens__gte=0, reserved_tokens__gte=0),
                name="picture_look_tokens_not_negative",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["tenant", "-live", "-posted_at", "id"],
                name="picture_look_waiting",
                condition=Q(state="waiting"),
            ),
            models.Index(
                fields=["updated_at"],
                name="picture_look_in_work",
                condition=Q(state__in=("claimed", "open")),
            ),
            models.Index(
                fields=["provider", "model", "-looked_at"],
                name="picture_look_recent",
                condition=Q(total_tokens__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} {self.provider}"
