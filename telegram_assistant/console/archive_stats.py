"""Count what an archive contains."""

from django.db.models import Count, IntegerField, Q, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from accounts.models import Tenant
from albums.models import AlbumStatus, MediaGroup
from events.models import OPEN_STATES, Delivery, DeliveryState
from media.models import MediaObject, Post, PostMedia
from storage_quota.models import TenantUsage
from vision.models import EnrichmentKind, PostEnrichment


def of_tenant(tenant: Tenant) -> dict[str, int]:
    """Count a tenant's archive; deliveries are counted over all tenants."""
    uses = PostMedia.objects.filter(post__tenant=tenant, role="primary").count()
    contents = (
        MediaObject.objects.filter(tenant=tenant, post_media__role="primary").distinct().count()
    )
    stored = TenantUsage.objects.filter(tenant=tenant).aggregate(total=Sum("total_bytes"))
    return {
        "posts": Post.objects.filter(tenant=tenant).count(),
        "media": contents,
        "duplicates": uses - contents,
        "bytes stored": stored["total"] or 0,
        **_analyzed(tenant),
        "albums assembled": MediaGroup.objects.filter(tenant=tenant, items_count__gt=0)
        .exclude(status=AlbumStatus.WAITING)
        .count(),
        **_deliveries(),
    }


def _analyzed(tenant: Tenant) -> dict[str, int]:
    analyzed = PostEnrichment.objects.filter(post__tenant=tenant, kind=EnrichmentKind.VISION)
    words = analyzed.aggregate(words=Sum(Cast(KT("data__words"), IntegerField())))["words"]
    return {
        "pictures read": analyzed.filter(vision_analyzed_at__isnull=False).count(),
        "words recognized": words or 0,
    }


def _deliveries() -> dict[str, int]:
    counts = Delivery.objects.aggregate(
        waiting=Count("pk", filter=Q(state__in=OPEN_STATES)),
        dead=Count("pk", filter=Q(state=DeliveryState.DEAD)),
    )
    return {"tasks waiting": counts["waiting"], "failed tasks": counts["dead"]}
