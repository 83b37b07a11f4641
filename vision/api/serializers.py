"""Serializers of the requests and responses of the vision endpoints."""

from collections.abc import Mapping
from typing import Any, get_args

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.logs import trace
from media.api.fields import MomentField
from vision.api.queries import PROVIDERS
from vision.models import PostEnrichment
from vision.providers.port import Analysis, ClassificationType


class FilterSerializer(serializers.Serializer[Any]):
    channel_id = serializers.UUIDField(required=False)
    has_meme = serializers.BooleanField(required=False)
    provider = serializers.ChoiceField(
        choices=list(PROVIDERS),
        required=False,
        help_text="`ocr` is `ocr_fallback`; `cached`: the result was reused, no provider was called",
    )
    q = serializers.CharField(
        required=False,
        max_length=1000,
        help_text="words of the post, of its files and pictures, in any form; “a phrase”, -without",
    )
    analyzed_after = MomentField(required=False, help_text="later than this; ISO 8601")


class ClassificationSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=get_args(ClassificationType))
    confidence = serializers.FloatField()
    tags = serializers.ListField(child=serializers.CharField(), help_text="the labels")
    is_meme = serializers.BooleanField()
    description = serializers.CharField()


class PostVisionSerializer(serializers.Serializer[PostEnrichment]):
    """A row of `queries.with_details`."""

    post_id = serializers.UUIDField()
    tenant_id = serializers.UUIDField()
    channel_id = serializers.UUIDField()
    analyzed_at = serializers.DateTimeField(source="vision_analyzed_at")
    provider = serializers.CharField(source="vision_provider", help_text="gigachat, ocr_fallback")
    model = serializers.CharField(source="vision_model", allow_null=True)
    vision_version = serializers.CharField()
    status = serializers.CharField(help_text="ok, or partial where some pictures were not analyzed")
    analysis_reason = serializers.CharField(
        source="vision_analysis_reason",
        allow_null=True,
        help_text="new, retry, cache_hit, fallback",
    )
    tokens_used = serializers.IntegerField(source="vision_tokens_used")
    classification = serializers.SerializerMethodField()
    ocr_text = serializers.SerializerMethodField()
    is_meme = serializers.BooleanField(source="vision_is_meme")
    media_count = serializers.IntegerField()
    s3_vision_keys = serializers.ListField(child=serializers.CharField())
    s3_media_keys = serializers.ListField(child=serializers.CharField())

    @extend_schema_field(ClassificationSerializer(allow_null=True))
    def get_classification(self, row: PostEnrichment) -> dict[str, Any] | None:
        seen = row.vision_classification
        if not isinstance(seen, Mapping):
            return None
        return {
            "type": seen.get("type", "other"),
            "confidence": seen.get("confidence", 1.0),
            "tags": seen.get("tags", []),
            "is_meme": row.vision_is_meme,
            "description": row.vision_description,
        }

    def get_ocr_text(self, row: PostEnrichment) -> str | None:
        return row.vision_ocr_text or None


class TracedSerializer(serializers.Serializer[Any]):
    """Adds the trace id of the request to a response."""

    trace_id = serializers.SerializerMethodField(help_text="of this request, as in `X-Trace-ID`")

    def get_trace_id(self, _: Any) -> str:
        return trace.current()


class TracedPostVisionSerializer(PostVisionSerializer, TracedSerializer):
    """A post with the trace id of the request."""


class MediaQuerySerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField(
        required=False,
        help_text="the tenant whose picture is meant, for users with several tenants",
    )


class MediaVisionSerializer(TracedSerializer):
    """A `queries.PictureAnalysis`."""

    sha256 = serializers.CharField(source="media.file_sha256")
    tenant_id = serializers.UUIDField(source="media.tenant_id")
    s3_key = serializers.CharField(source="media.s3_key")
    mime_type = serializers.CharField(source="media.mime")
    size_bytes = serializers.IntegerField(source="media.size_bytes")
    vision_classification = serializers.SerializerMethodField()
    provider = serializers.CharField(source="analysis.provider")
    model = serializers.CharField(source="analysis.model")
    analyzed_at = serializers.DateTimeField(source="analysis.analyzed_at")

    @extend_schema_field(ClassificationSerializer)
    def get_vision_classification(self, seen: Any) -> dict[str, Any]:
        analysis: Analysis = seen.analysis
        return {
            "type": analysis.classification,
            "confidence": 1.0,
            "tags": analysis.labels,
            "is_meme": analysis.is_meme,
            "description": analysis.description,
        }


class ByProviderSerializer(serializers.Serializer[Any]):
    gigachat = serializers.IntegerField()
    ocr = serializers.IntegerField()
    cached = serializers.IntegerField(
        help_text="posts whose result was reused; they count for a provider, too"
    )


class TokensSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField(source="tokens_total")
    average = serializers.FloatField(source="tokens_average", help_text="per analyzed post")


class VisionStatsSerializer(TracedSerializer):
    """`queries.AnalysisTotals`."""

    total_analyzed = serializers.IntegerField()
    memes_count = serializers.IntegerField()
    by_provider = ByProviderSerializer()
    tokens = TokensSerializer(source="*")
    by_type = serializers.DictField(child=serializers.IntegerField())
