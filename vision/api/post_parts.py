"""What vision adds to the description of a post: what was seen in its pictures, read in its documents."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from media.api.parts import Part
from media.models import MediaRole, PostMedia
from vision.models import DocumentText, EnrichmentKind, PostEnrichment
from vision.reasons import explain


class DecisionSerializer(serializers.Serializer[Any]):
    sha256 = serializers.CharField()
    outcome = serializers.CharField(help_text="analyzed, read, skipped, failed")
    reason = serializers.CharField(help_text="a code")
    explanation = serializers.SerializerMethodField(help_text="the reason in words")

    def get_explanation(self, decision: Mapping[str, Any]) -> str:
        return str(explain(str(decision.get("reason", ""))))


class PostAnalysisSerializer(serializers.Serializer[PostEnrichment]):
    """The analysis of a post's pictures, merged."""

    status = serializers.CharField()
    provider = serializers.CharField(source="vision_provider", allow_null=True)
    model = serializers.CharField(source="vision_model", allow_null=True)
    analyzed_at = serializers.DateTimeField(source="vision_analyzed_at", allow_null=True)
    classification = serializers.SerializerMethodField(
        help_text="empty: none of its pictures has one"
    )
    labels = serializers.SerializerMethodField()
    is_meme = serializers.BooleanField(source="vision_is_meme")
    description = serializers.CharField(source="vision_description")
    ocr_text = serializers.CharField(source="vision_ocr_text")
    tokens_used = serializers.IntegerField(source="vision_tokens_used")
    decisions = serializers.SerializerMethodField(help_text="what came of each picture, and why")

    def get_classification(self, row: PostEnrichment) -> str:
        return row.vision_class or ""

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_labels(self, row: PostEnrichment) -> Any:
        return (row.vision_classification or {}).get("tags", [])

    @extend_schema_field(DecisionSerializer(many=True))
    def get_decisions(self, row: PostEnrichment) -> Any:
        return DecisionSerializer(row.metadata.get("decisions", []), many=True).data


class PostDocumentSerializer(serializers.Serializer[DocumentText]):
    """A document of a post. Its text is what the search finds it by."""

    media_id = serializers.UUIDField(source="pk")
    state = serializers.CharField(help_text="requested, claimed, done")
    outcome = serializers.CharField(help_text="analyzed, partial, skipped, failed; empty: not yet")
    reason = serializers.CharField(help_text="a code")
    explanation = serializers.SerializerMethodField(help_text="the reason in words")
    format = serializers.CharField()
    pages = serializers.IntegerField(allow_null=True)
    pages_recognized = serializers.IntegerField(help_text="by text recognition")
    chars = serializers.IntegerField()
    read_at = serializers.DateTimeField(allow_null=True)
    text = serializers.SerializerMethodField(help_text="a piece for each page, or part of a page")

    def get_explanation(self, row: DocumentText) -> str:
        return str(explain(row.reason)) if row.reason else ""

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_text(self, row: DocumentText) -> Any:
        parts = sorted(row.parts.all(), key=lambda part: part.position)
        return [{"page": part.page, "sheet": part.label, "text": part.text} for part in parts]


def analysis() -> Part:
    return Part("analysis", lambda: PostAnalysisSerializer(allow_null=True), _analyses)


def documents() -> Part:
    return Part("documents", lambda: PostDocumentSerializer(many=True), _documents, empty=[])


def _analyses(post_ids: Sequence[UUID]) -> Mapping[UUID, PostEnrichment]:
    rows = PostEnrichment.objects.filter(post__in=post_ids, kind=EnrichmentKind.VISION)
    return {row.post_id: row for row in rows.defer("data")}


def _documents(post_ids: Sequence[UUID]) -> Mapping[UUID, list[DocumentText]]:
    shown = PostMedia.objects.filter(post__in=post_ids).exclude(role=MediaRole.THUMBNAIL)
    pairs = list(shown.order_by("post", "position").values_list("post", "media_object"))
    rows = DocumentText.objects.filter(pk__in=[media for _, media in pairs])
    texts = {row.pk: row for row in rows.prefetch_related("parts")}
    found: dict[UUID, list[DocumentText]] = {}
    for post_id, media in pairs:
        if media in texts:
            found.setdefault(post_id, []).append(texts[media])
    return found
