"""Tables of the checks that compare ledger and bucket; `storage_quota.models` exports them."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import IsNull
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from storage_quota.keys import KEY_MAX_LENGTH


class Installation(models.Model):
    """The one row about this installation; its id is in the key of the marker in the bucket."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.PositiveSmallIntegerField(default=1, unique=True, editable=False)
    marked_at = models.DateTimeField(
        null=True, blank=True, help_text=_("when the bucket was marked as ours")
    )

    class Meta:
        verbose_name = _("installation")
        verbose_name_plural = _("installations")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(number=1), name="installation_only_one"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class CheckState(models.TextChoices):
    OPEN = "open", _("not finished")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class IntegrityCheck(models.Model):
    """
    One check of the whole bucket, in as many runs as it takes.

    `cursor` is the last key that was compared, in the form of `check_runs.cursor_at`. While `finished_at` is empty, the next run goes on
    from there, also after a failure; so at most one row is unfinished.
    """

    state = models.CharField(
        _("state"), max_length=8, choices=CheckState.choices, default=CheckState.OPEN
    )
    reason = models.CharField(
        pgettext_lazy("failed check", "reason"), max_length=500, blank=True, default=""
    )
    started_at = models.DateTimeField(_("started at"))
    worked_at = models.DateTimeField(_("last run at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    seconds = models.FloatField(_("duration, s"), default=0)
    cursor = models.TextField(_("compared up to"), blank=True, default="")
    sample_percent = models.FloatField(_("sample, %"))
    sample_from = models.PositiveIntegerField(default=0, editable=False)
    entries = models.PositiveBigIntegerField(_("entries of the ledger"), default=0)
    objects_listed = models.PositiveBigIntegerField(_("objects in the bucket"), default=0)
    objects_read = models.PositiveBigIntegerField(_("objects read"), default=0)
    bytes_read = models.PositiveBigIntegerField(_("bytes read"), default=0)
    too_young = models.PositiveBigIntegerField(
        _("too young to judge"),
        default=0,
        help_text=_("being written or deleted, or not in the ledger and younger than the grace"),
    )

    class Meta:
        verbose_name = _("check of the storage")
        verbose_name_plural = _("checks of the storage")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=CheckState.values), name="integrity_check_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=CheckState.DONE, finished_at__isnull=False)
                | (~Q(state=CheckState.DONE) & Q(finished_at__isnull=True)),
                name="integrity_check_done_is_finished",
            ),
            models.CheckConstraint(
                condition=Q(sample_percent__gte=0, sample_percent__lte=100),
                name="integrity_check_sample_percent",
            ),
            models.UniqueConstraint(
                IsNull(F("finished_at"), True),  # noqa: FBT003 - positional only
                condition=Q(finished_at__isnull=True),
                name="integrity_check_one_unfinished",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-finished_at"], name="integrity_check_newest"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class DifferenceKind(models.TextChoices):
    MISSING = "missing", _("missing")
    ORPHANED = "orphaned", _("not in the ledger")
    WRONG_SIZE = "wrong_size", _("wrong size")
    WRONG_HASH = "wrong_hash", _("wrong content")
    USAGE_DRIFT = "usage_drift", _("wrong sum")
    LEAKED_RESERVATION = "leaked_reservation", _("reservation never released")


class RepairOutcome(models.TextChoices):
    """What a repair did about a difference; empty while nothing was done."""

    FORGOTTEN = "forgotten", _("removed from the ledger")
    QUARANTINED = "quarantined", _("in quarantine")
    ADOPTED = "adopted", _("entered into the ledger")
    CORRECTED = "corrected", _("ledger corrected")
    DAMAGED = "damaged", _("marked as damaged")
    RELEASED = "released", _("reservation released")
    RESTORED = "restored", _("restored from an old version")
    RIGHT = "right", _("no longer different")


class IntegrityFinding(models.Model):
    """A difference of ledger and bucket. `key` may be escaped: foreign objects have any name."""

    check_run = models.ForeignKey(
        IntegrityCheck, on_delete=models.CASCADE, related_name="findings", verbose_name=_("check")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=DifferenceKind.choices)
    key = models.CharField(_("key"), max_length=KEY_MAX_LENGTH)
    expected = models.CharField(_("in the ledger"), max_length=100, blank=True, default="")
    found = models.CharField(_("in the bucket"), max_length=100, blank=True, default="")
    found_at = models.DateTimeField(_("found at"))
    outcome = models.CharField(
        _("outcome"), max_length=12, choices=RepairOutcome.choices, blank=True, default=""
    )
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["check_run", "kind", "key"], name="integrity_finding_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=DifferenceKind.values), name="integrity_finding_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome="") | Q(outcome__in=RepairOutcome.values),
                name="integrity_finding_outcome_known",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["check_run"], name="integrity_finding_open", condition=Q(outcome="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.key}"


class Orphan(models.Model):
    """
    An object in the bucket without an entry in the ledger. Its bytes count against the bucket.

    A repair puts it into quarantine by setting `delete_after`. An object in no tenant's folder is
    `foreign` and never deleted; a person may mark it `accepted`, and it is reported no more.
    """

    key = models.CharField(_("key"), max_length=KEY_MAX_LENGTH, primary_key=True)
    size_bytes = models.BigIntegerField(_("bytes"))
    etag = models.CharField(max_length=100, blank=True, default="")
    modified_at = models.DateTimeField(_("modified at"))
    found_at = models.DateTimeField(_("found at"))
    seen_at = models.DateTimeField(_("last seen at"))
    delete_after = models.DateTimeField(_("deleted after"), null=True, blank=True)
    foreign = models.BooleanField(
        _("foreign"),
        default=False,
        help_text=_("in no tenant's folder: never deleted by this product"),
    )
    accepted = models.BooleanField(_("accepted"), default=False)

    class Meta:
        verbose_name = _("object missing from the ledger")
        verbose_name_plural = _("objects missing from the ledger")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(size_bytes__gte=0), name="orphan_size_not_negative"),
            models.CheckConstraint(
                condition=Q(foreign=False) | Q(delete_after__isnull=True),
                name="orphan_foreign_is_never_deleted",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["delete_after"], name="orphan_delete_after"),
        ]

    def __str__(self) -> str:
        return self.key
