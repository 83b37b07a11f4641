"""What the storage endpoints take and give. Sizes named `…_gb` are GiB, unrounded."""

import math
from typing import Any, ClassVar, Final

from django.conf import settings
from rest_framework import serializers

from accounts.access import tenants_of
from accounts.models import Tenant
from storage_quota.models import GIB, ContentType

MOST_BYTES: Final = 2**63 - 1


class GibField(serializers.FloatField):
    """Bytes inside, GiB outside. Neither a truth value nor what is not finite is a size."""

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
    """Of `{"fill": Fill, "limits": Limits}`."""

    total_gb = GibField(source="fill.used_bytes", help_text="stored; promises are not in it")
    reserved_gb = GibField(source="fill.reserved_bytes", help_text="promised to uploads under way")
    limit_gb = GibField(source="fill.limit_bytes")
    usage_percent = serializers.FloatField(source="fill.usage_percent")
    by_type = ByTypeSerializer(source="fill.by_type")


class QuotaSerializer(CurrentSerializer):
    emergency_threshold_gb = GibField(source="limits.emergency_bytes")
    last_updated = serializers.DateTimeField(source="fill.last_updated", allow_null=True)


class UsageSerializer(serializers.Serializer[Any]):
    """Of `{"fill": Fill, "tenant": Tenant}`."""

    tenant_id = serializers.UUIDField(source="tenant.pk")
    usage_gb = GibField(source="fill.used_bytes", help_text="stored, over all types")
    reserved_gb = GibField(source="fill.reserved_bytes", help_text="promised to uploads under way")
    limit_gb = GibField(source="fill.limit_bytes", help_text="its own, or that of every tenant")
    usage_percent = serializers.FloatField(
        source="fill.usage_percent", help_text="100 where the limit is 0"
    )
    by_type = ByTypeSerializer(source="fill.by_type")
    last_updated = serializers.DateTimeField(source="fill.last_updated", allow_null=True)


class QuotaCheckRequestSerializer(serializers.Serializer[Any]):
    """Needs the request in its context: whose tenants there are depends on who asks."""

    tenant_id = serializers.UUIDField()
    size_bytes = serializers.IntegerField(min_value=1, max_value=MOST_BYTES)
    content_type = serializers.ChoiceField(choices=ContentType.choices)

    def validate_tenant_id(self, value: Any) -> Tenant:
        tenant = tenants_of(self.context["request"].user).filter(pk=value).first()
        if tenant is None:
            raise serializers.ValidationError("There is no such tenant.", code="does_not_exist")
        return tenant


class ForecastSerializer(serializers.Serializer[Any]):
    """Of a `Forecast`. Its usages count what is promised, too: so do the limits."""

    allowed = serializers.BooleanField()
    reason = serializers.CharField(
        help_text="empty, `bucket_full`, `tenant_limit` or `{content_type}_limit`"
    )
    current_usage_gb = GibField(source="usage.tenant", help_text="of the tenant")
    tenant_limit_gb = GibField(source="ceilings.tenant")
    bucket_usage_gb = GibField(source="usage.bucket")
    type_usage_gb = GibField(source="usage.type", help_text="of all tenants")
    requested_bytes = serializers.IntegerField(source="requested")
    available_bytes = serializers.IntegerField(source="available", help_text="what would fit")


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
    """Of a `Cleaning`."""

    deleted_count = serializers.IntegerField(source="freed.deleted_count")
    freed_gb = GibField(source="freed.freed_bytes")
    duration_seconds = serializers.FloatField(source="freed.duration_seconds")
    finished = serializers.BooleanField(
        source="freed.finished", help_text="false: the time was up or the store away; ask again"
    )
    target_usage_gb = GibField(source="target_bytes")
    target_free_gb = GibField(source="target_free_bytes")
    usage_before_gb = GibField(source="before_bytes", help_text="with promises, as limits count")
    usage_gb = GibField(source="after_bytes")


class LimitsSerializer(serializers.Serializer[Any]):
    """Of `Limits`."""

    total_bucket_gb = GibField(source="total_bytes")
    emergency_threshold_gb = GibField(source="emergency_bytes")
    per_tenant_max_gb = GibField(source="tenant_bytes")
    media_max_gb = GibField(source="by_type.media")
    vision_max_gb = GibField(source="by_type.vision")
    crawl_max_gb = GibField(source="by_type.crawl")
    album_max_gb = GibField(source="by_type.album")


class PoliciesSerializer(serializers.Serializer[Any]):
    """Of `settings.CLEANUP`."""

    media_ttl_days = serializers.IntegerField(source="ttl.media.days")
    vision_ttl_days = serializers.IntegerField(source="ttl.vision.days")
    crawl_ttl_days = serializers.IntegerField(source="ttl.crawl.days")
    album_ttl_days = serializers.IntegerField(source="ttl.album.days")
    compression_required = serializers.SerializerMethodField()

    def get_compression_required(self, _policies: Any) -> bool:
        """Documents and pages are always packed: nothing here writes them otherwise."""
        return True


class StatsSerializer(serializers.Serializer[Any]):
    """Of `{"fill": Fill, "limits": Limits, "policies": settings.CLEANUP}`."""

    current = CurrentSerializer(source="*")
    limits = LimitsSerializer()
    policies = PoliciesSerializer()
    last_updated = serializers.DateTimeField(source="fill.last_updated", allow_null=True)
