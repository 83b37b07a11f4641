"""Requests and responses of the storage endpoints. Sizes named `…_gb` are GiB, unrounded."""

import math
from typing import Any, ClassVar, Final

from django.conf import settings
from rest_framework import serializers

from accounts.access import Action, may_everywhere, tenants_of
from accounts.models import Tenant
from storage_quota.models import ContentType
from storage_quota.units import GIB

MOST_BYTES: Final = 2**63 - 1


class GibField(serializers.FloatField):
    """A size: bytes in the code, GiB in JSON. Refuses booleans and numbers that are not finite."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "A finite number is required."}

    def to_representation(self, value: Any) -> Any:
        return float(value) / GIB

    def to_internal_value(self, data: Any) -> Any:
        size = float("nan") if isinstance(data, bool) else super().to_internal_value(data)
        if not math.isfinite(size * GIB):
            self.fail("invalid")
        return int(size * GIB)


class ByTypeSerializer(serializers.Serializer[Any]):
    media = GibField()
    vision = GibField()
    crawl = GibField()
    album = GibField()


class CurrentSerializer(serializers.Serializer[Any]):
    """Shows `{"usage": UsageReport, "limits": Limits}`."""

    total_gb = GibField(source="usage.used_bytes", help_text="stored, without reservations")
    reserved_gb = GibField(
        source="usage.reserved_bytes", help_text="reserved for uploads in progress"
    )
    limit_gb = GibField(source="usage.limit_bytes")
    usage_percent = serializers.FloatField(source="usage.usage_percent")
    by_type = ByTypeSerializer(source="usage.by_type")


class QuotaSerializer(CurrentSerializer):
    emergency_threshold_gb = GibField(source="limits.emergency_bytes")
    last_updated = serializers.DateTimeField(source="usage.last_updated", allow_null=True)


class UsageSerializer(serializers.Serializer[Any]):
    """Shows `{"usage": UsageReport, "tenant": Tenant}`."""

    tenant_id = serializers.UUIDField(source="tenant.pk")
    usage_gb = GibField(source="usage.used_bytes", help_text="stored, over all types")
    reserved_gb = GibField(
        source="usage.reserved_bytes", help_text="reserved for uploads in progress"
    )
    limit_gb = GibField(source="usage.limit_bytes", help_text="its own, or that of every tenant")
    usage_percent = serializers.FloatField(
        source="usage.usage_percent", help_text="100 where the limit is 0"
    )
    by_type = ByTypeSerializer(source="usage.by_type")
    last_updated = serializers.DateTimeField(source="usage.last_updated", allow_null=True)


class QuotaCheckRequestSerializer(serializers.Serializer[Any]):
    """Needs the request in its context: a user can ask about visible tenants only."""

    tenant_id = serializers.UUIDField()
    size_bytes = serializers.IntegerField(min_value=1, max_value=MOST_BYTES)
    content_type = serializers.ChoiceField(choices=ContentType.choices)

    def validate_tenant_id(self, value: Any) -> Tenant:
        tenant = tenants_of(self.context["request"].user).filter(pk=value).first()
        if tenant is None:
            raise serializers.ValidationError("There is no such tenant.", code="does_not_exist")
        return tenant


class ForecastSerializer(serializers.Serializer[Any]):
    """
    Shows a `QuotaForecast`. Its usages include reservations, as the limits do.

    Needs the request in its context: the usages of all tenants are shown to who may view each.
    """

    allowed = serializers.BooleanField()
    reason = serializers.CharField(
        help_text="empty, `bucket_full`, `tenant_limit` or `{content_type}_limit`"
    )
    current_usage_gb = GibField(source="usage.tenant", help_text="of the tenant")
    tenant_limit_gb = GibField(source="ceilings.tenant")
    bucket_usage_gb = GibField(
        source="usage.bucket",
        allow_null=True,
        help_text="of all tenants; null for who may not see each",
    )
    type_usage_gb = GibField(
        source="usage.type",
        allow_null=True,
        help_text="of all tenants; null for who may not see each",
    )
    setting = serializers.CharField(help_text="what raises the limit; only where it is refused")
    requested_bytes = serializers.IntegerField(source="requested")
    available_bytes = serializers.IntegerField(
        source="available", help_text="how many bytes would fit"
    )

    def to_representation(self, outlook: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(outlook)
        if outlook.allowed:
            del shown["setting"]
        if not may_everywhere(self.context["request"].user, Action.VIEW):
            shown |= dict.fromkeys(("bucket_usage_gb", "type_usage_gb"))
        return shown


class CleanupRequestSerializer(serializers.Serializer[Any]):
    force = serializers.BooleanField(
        default=False, help_text="also while usage is below the emergency threshold"
    )
    target_free_gb = GibField(
        required=False,
        help_text="free space in the bucket to end with; without it, as much as leaves"
        " S3_TARGET_AFTER_CLEANUP_GB used",
    )

    def validate_target_free_gb(self, size_bytes: int) -> int:
        total_bytes = settings.LIMITS.total_bytes
        if not 0 <= size_bytes <= total_bytes:
            raise serializers.ValidationError(
                f"From 0 to {total_bytes / GIB:g}: that is the whole bucket.", code="out_of_bounds"
            )
        return size_bytes


class CleanupSerializer(serializers.Serializer[Any]):
    """Shows an `OperatorCleanup`."""

    deleted_count = serializers.IntegerField(source="freed.deleted_count")
    freed_gb = GibField(source="freed.freed_bytes")
    duration_seconds = serializers.FloatField(source="freed.duration_seconds")
    finished = serializers.BooleanField(
        source="freed.finished",
        help_text="false: not everything was deleted in time, or the store failed; ask again",
    )
    target_usage_gb = GibField(source="target_bytes")
    target_free_gb = GibField(source="target_free_bytes")
    usage_before_gb = GibField(
        source="before_bytes", help_text="with reservations, as limits count"
    )
    usage_gb = GibField(source="after_bytes")


class LimitsSerializer(serializers.Serializer[Any]):
    """Shows `Limits`."""

    total_bucket_gb = GibField(source="total_bytes")
    emergency_threshold_gb = GibField(source="emergency_bytes")
    per_tenant_max_gb = GibField(source="tenant_bytes")
    media_max_gb = GibField(source="by_type.media")
    vision_max_gb = GibField(source="by_type.vision")
    crawl_max_gb = GibField(source="by_type.crawl")
    album_max_gb = GibField(source="by_type.album")


class PoliciesSerializer(serializers.Serializer[Any]):
    """Shows `settings.CLEANUP`."""

    media_ttl_days = serializers.IntegerField(source="ttl.media.days")
    vision_ttl_days = serializers.IntegerField(source="ttl.vision.days")
    crawl_ttl_days = serializers.IntegerField(source="ttl.crawl.days")
    album_ttl_days = serializers.IntegerField(source="ttl.album.days")
    compression_required = serializers.SerializerMethodField()

    def get_compression_required(self, _policies: Any) -> bool:
        """Whether every text is compressed (S3_USE_COMPRESSION); crawled pages always are."""
        return bool(settings.S3.use_compression)


class StatsSerializer(serializers.Serializer[Any]):
    """Shows `{"usage": UsageReport, "limits": Limits, "policies": settings.CLEANUP}`."""

    current = CurrentSerializer(source="*")
    limits = LimitsSerializer()
    policies = PoliciesSerializer()
    last_updated = serializers.DateTimeField(source="usage.last_updated", allow_null=True)
