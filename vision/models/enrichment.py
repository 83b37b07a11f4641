"""Enrichments: what analysis has found about a post."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from accounts.tenant_rows import TenantRows
from media.models import Channel, Post


class EnrichmentKind(models.TextChoices):
    VISION = "vision", _("vision")
    VISION_OCR = "vision_ocr", _("text recognition")
    CRAWL = "crawl", _("crawled pages")
    TAGS = "tags", _("tags")
    CLASSIFY = "classify", _("classification")
    GENERAL = "general", _("general")
    DOCUMENT_TEXT = "document_text", _("texts of documents")


class EnrichmentStatus(models.TextChoices):
    OK = "ok", _("ok")
    PARTIAL = "partial", _("partial")
    ERROR = "error", _("error")


class VisionProviderName(models.TextChoices):
    GIGACHAT = "gigachat", "GigaChat"
    OCR_FALLBACK = "ocr_fallback", _("text recognition")
    NONE = "none", _("not analyzed")


class AnalysisReason(models.TextChoices):
    NEW = "new", _("new")
    RETRY = "retry", _("retry")
    CACHE_HIT = "cache_hit", _("known picture")
    FALLBACK = "fallback", _("fallback")
    SKIPPED = "skipped", _("skipped")


ANALYZED = Q(kind="vision", vision_analyzed_at__isnull=False)
"""Posts with at least one analyzed picture: the condition of the indexes for lists and sums."""


class PostEnrichment(models.Model):
    """One row per post and kind; the vision columns are those of CONTRACT §8.3."""

    tenant_path: ClassVar = "tenant"

    post = models.ForeignKey(
        Post, on_delete=models.CASCADE, related_name="enrichments", verbose_name=_("post")
    )
    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.PROTECT,
        related_name="+",
        editable=False,
        db_index=False,
        verbose_name=_("tenant"),
        help_text=_("the post's; written by a trigger"),
    )
    channel = models.ForeignKey(
        Channel,
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
        db_index=False,
        verbose_name=_("channel"),
        help_text=_("the post's; written by a trigger"),
    )
    kind = models.CharField(_("kind"), max_length=16, choices=EnrichmentKind.choices)
    provider = models.CharField(_("provider"), max_length=50, blank=True, default="")
    params_hash = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=EnrichmentStatus.choices,
        default=EnrichmentStatus.OK,
    )
    error = models.CharField(_("error"), max_length=500, blank=True, default="")
    data = models.JSONField(_("data"), default=dict, blank=True)
    metadata = models.JSONField(
        _("decisions"),
        default=dict,
        blank=True,
        help_text=_("why each picture was analyzed, read or skipped"),
    )

    summary = models.TextField(_("summary"), blank=True, default="")
    vision_analyzed_at = models.DateTimeField(_("analyzed at"), null=True, blank=True)
    vision_provider = models.CharField(
        _("provider"), max_length=50, null=True, blank=True, choices=VisionProviderName.choices
    )
    vision_model = models.CharField(_("model"), max_length=100, null=True, blank=True)
    vision_version = models.CharField(_("vision version"), max_length=40, blank=True, default="")
    features_hash = models.CharField(max_length=64, blank=True, default="")
    vision_is_meme = models.BooleanField(_("meme"), default=False)
    vision_classification = models.JSONField(_("classification"), null=True, blank=True)
    vision_class = models.GeneratedField(
        verbose_name=_("class"),
        expression=KeyTextTransform("type", "vision_classification"),
        output_field=models.TextField(null=True),
        db_persist=True,
    )
    vision_description = models.TextField(_("description"), blank=True, default="")
    vision_ocr_text = models.TextField(_("text in the picture"), blank=True, default="")
    vision_file_id = models.CharField(max_length=255, null=True, blank=True)
    vision_tokens_used = models.IntegerField(_("tokens"), default=0)
    vision_cost_microunits = models.BigIntegerField(_("cost, millionths"), default=0)
    vision_analysis_reason = models.CharField(
        _("reason"), max_length=50, null=True, blank=True, choices=AnalysisReason.choices
    )
    s3_vision_keys = models.JSONField(_("vision keys"), default=list, blank=True)
    s3_media_keys = models.JSONField(_("media keys"), default=list, blank=True)
    s3_crawl_keys = models.JSONField(_("crawl keys"), default=list, blank=True)

    album_size = models.PositiveIntegerField(_("album size"), null=True, blank=True)
    vision_labels_agg = models.JSONField(_("labels of the album"), null=True, blank=True)
    ocr_present = models.BooleanField(_("has text"), default=False)

    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = TenantRows()

    class Meta:
        db_table = "post_enrichment"
        verbose_name = _("enrichment")
        verbose_name_plural = _("enrichments")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["post", "kind"], name="ux_post_enrichment_post_kind"),
            models.CheckConstraint(
                condition=Q(kind__in=EnrichmentKind.values), name="chk_enrichment_kind"
            ),
            models.CheckConstraint(
                condition=Q(status__in=EnrichmentStatus.values), name="chk_enrichment_status"
            ),
            models.CheckConstraint(
                condition=Q(vision_provider__isnull=True)
                | Q(vision_provider__in=VisionProviderName.values),
                name="chk_vision_provider",
            ),
            models.CheckConstraint(
                condition=Q(vision_analysis_reason__isnull=True)
                | Q(vision_analysis_reason__in=AnalysisReason.values),
                name="chk_vision_analysis_reason",
            ),
            models.CheckConstraint(
                condition=Q(vision_tokens_used__gte=0), name="chk_vision_tokens_used"
            ),
        ]
        indexes: ClassVar = [
            GinIndex(fields=["metadata"], name="idx_pe_metadata", opclasses=["jsonb_path_ops"]),
            GinIndex(fields=["vision_classification"], name="idx_pe_vision_class"),
            GinIndex(fields=["s3_media_keys"], name="idx_pe_s3_media"),
            GinIndex(fields=["s3_vision_keys"], name="idx_pe_s3_vision"),
            GinIndex(fields=["s3_crawl_keys"], name="idx_pe_s3_crawl"),
            GinIndex(
                fields=["vision_labels_agg"],
                name="idx_pe_labels_agg",
                condition=Q(vision_labels_agg__isnull=False),
            ),
            models.Index(fields=["-vision_analyzed_at"], name="idx_pe_vision_at"),
            models.Index(
                fields=["-vision_analyzed_at"],
                name="idx_pe_memes",
                condition=Q(vision_is_meme=True),
            ),
            models.Index(
                fields=["tenant", "-vision_analyzed_at", "-id"],
                name="idx_pe_vision_list",
                condition=ANALYZED,
            ),
            models.Index(
                fields=["channel", "-vision_analyzed_at", "-id"],
                name="idx_pe_vision_channel",
                condition=ANALYZED,
            ),
            models.Index(
                fields=[
                    "tenant",
                    "vision_provider",
                    "vision_analysis_reason",
                    "vision_is_meme",
                    "vision_class",
                    "vision_tokens_used",
                ],
                name="idx_pe_vision_stats",
                condition=ANALYZED,
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    @property
    def described(self) -> str:
        """What a model saw; who only reads text says in a description no more than the text does."""
        is_read = self.vision_provider == VisionProviderName.OCR_FALLBACK
        return "" if is_read else self.vision_description
