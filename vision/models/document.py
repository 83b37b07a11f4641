"""The texts of documents, once for each content, whatever number of posts shows it."""

from typing import ClassVar

from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.tenant_rows import TenantRows
from events.workers.claim_columns import claim_is_whole
from media.models import MediaObject


class ReadingState(models.TextChoices):
    REQUESTED = "requested", pgettext_lazy("document", "to be read")
    CLAIMED = "claimed", pgettext_lazy("document", "being read")
    DONE = "done", pgettext_lazy("document", "done")


class ReadingOutcome(models.TextChoices):
    NONE = "", _("not known yet")
    ANALYZED = "analyzed", pgettext_lazy("document", "read")
    PARTIAL = "partial", pgettext_lazy("document", "read in part")
    SKIPPED = "skipped", _("skipped")
    FAILED = "failed", _("failed")


class DocumentText(models.Model):
    """
    What was read in a document, or why nothing was.

    `reason` is a code of `vision.reasons`. A claim is that of one worker (`events.workers.liveness`);
    `attempts` counts claims that were not settled: a document that kills its workers is given up.
    """

    tenant_path: ClassVar = "media_object__tenant"

    media_object = models.OneToOneField(
        MediaObject,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="document_text",
        verbose_name=_("media object"),
    )
    state = models.CharField(
        _("state"), max_length=16, choices=ReadingState.choices, default=ReadingState.REQUESTED
    )
    outcome = models.CharField(
        _("outcome"), max_length=16, choices=ReadingOutcome.choices, blank=True, default=""
    )
    reason = models.CharField(_("reason"), max_length=50, blank=True, default="")
    details = models.CharField(_("details"), max_length=200, blank=True, default="")
    format = models.CharField(_("format"), max_length=16, blank=True, default="")
    pages = models.PositiveIntegerField(
        _("pages"), null=True, blank=True, help_text=_("of the file, or its slides or sheets")
    )
    pages_recognized = models.PositiveIntegerField(_("pages recognized by OCR"), default=0)
    chars = models.PositiveIntegerField(_("characters read"), default=0)
    text_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    seconds = models.FloatField(_("duration, s"), null=True, blank=True)
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)

    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claim_id = models.UUIDField(null=True, blank=True, editable=False)
    claimed_by = models.UUIDField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(_("in work until"), null=True, blank=True)

    objects = TenantRows()

    class Meta:
        db_table = "document_texts"
        verbose_name = _("text of a document")
        verbose_name_plural = _("texts of documents")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=ReadingState.values), name="document_text_state_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=ReadingOutcome.values), name="document_text_outcome_known"
            ),
            models.CheckConstraint(condition=claim_is_whole(), name="document_text_claim_is_whole"),
            models.CheckConstraint(
                condition=~Q(state="done") | (~Q(outcome="") & Q(read_at__isnull=False)),
                name="document_text_done_has_outcome",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["claimed_until"],
                name="document_text_in_work",
                condition=Q(state="claimed"),
            ),
        ]

    def __str__(self) -> str:
        return self.media_object_id.hex[:12]


class DocumentPage(models.Model):
    """
    A part of a document's text: a page or a piece of one, in the order of the file.

    `page` is the number that people know it by, None where the format has no pages; `label` the
    name of a sheet. `words` is for finding the page that a query is about.
    """

    tenant_path: ClassVar = "document__media_object__tenant"

    document = models.ForeignKey(
        DocumentText,
        on_delete=models.CASCADE,
        related_name="parts",
        db_index=False,  # the constraint has one
        verbose_name=_("text of a document"),
    )
    position = models.PositiveIntegerField(_("position"))
    page = models.PositiveIntegerField(_("page"), null=True, blank=True)
    label = models.CharField(_("sheet"), max_length=200, blank=True, default="")
    text = models.TextField(_("text"))
    is_recognized = models.BooleanField(_("recognized by OCR"), default=False)
    words = models.GeneratedField(
        expression=SearchVector(
            Func(
                F("text"),
                Value("ёЁ"),
                Value("еЕ"),
                function="translate",
                output_field=models.TextField(),
            ),
            config="russian",
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = TenantRows()

    class Meta:
        db_table = "document_pages"
        verbose_name = _("page of a document")
        verbose_name_plural = _("pages of documents")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "position"], name="document_page_once"),
        ]

    def __str__(self) -> str:
        return str(self.page or self.position)
