"""`diag_vision stats`: numbers of events, deliveries and cached results."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Sum

from accounts import acting
from accounts.models import Tenant
from accounts.tenants import find_tenant
from events.management.tables import facts
from events.models import OPEN_STATES, Delivery, DeliveryState, OutboxEvent
from events.schemas import VisionAnalyzedEventV1, VisionUploadedEventV1
from storage_quota.models import ContentType, StoredObject, TenantUsage
from storage_quota.units import GIB
from vision.management.diagnostics import json_output

HELP = "events and deliveries of vision, cached results in the bucket"
SAMPLE_KEYS = 5


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--tenant-id", help="name or id (default: all tenants together)")
    json_output.add_json_option(parser)


def handle(command: BaseCommand, **options: Any) -> None:
    tenant = find_tenant(options["tenant_id"]) if options["tenant_id"] else None
    if tenant is None:
        acting.require_everywhere()
    figures = _figures(tenant)
    if options["json"]:
        command.stdout.write(json_output.one_line(figures))
    else:
        command.stdout.write("\n".join(_lines(figures)))


def _figures(tenant: Tenant | None) -> dict[str, Any]:
    own = {"tenant": tenant} if tenant else {}
    uploaded, analyzed = VisionUploadedEventV1.topic, VisionAnalyzedEventV1.topic
    cached = TenantUsage.objects.filter(content_type=ContentType.VISION, **own).aggregate(
        objects=Sum("objects_count"), size=Sum("total_bytes")
    )
    stored = StoredObject.objects.filter(content_type=ContentType.VISION, **own)
    newest = stored.order_by("-created_at", "key").values_list("key", flat=True)
    return {
        "tenant": tenant.name if tenant else None,
        "uploaded_events": _events(uploaded, tenant),
        "analyzed_events": _events(analyzed, tenant),
        "uploaded_pending": _deliveries(uploaded, tenant, *OPEN_STATES),
        "analyzed_pending": _deliveries(analyzed, tenant, *OPEN_STATES),
        "uploaded_dead": _deliveries(uploaded, tenant, DeliveryState.DEAD),
        "objects_count": cached["objects"] or 0,
        "total_size_gb": (cached["size"] or 0) / GIB,
        "sample_keys": list(newest[:SAMPLE_KEYS]),
    }


def _events(topic: str, tenant: Tenant | None) -> int:
    """Count the events that are kept; finished ones are deleted after a week."""
    own = {"tenant_id": str(tenant.pk)} if tenant else {}
    return OutboxEvent.objects.filter(topic=topic, **own).count()


def _deliveries(topic: str, tenant: Tenant | None, *states: str) -> int:
    own = {"event__tenant_id": str(tenant.pk)} if tenant else {}
    return Delivery.objects.filter(event__topic=topic, state__in=states, **own).count()


def _lines(figures: dict[str, Any]) -> list[str]:
    rows = {
        "Tenant": figures["tenant"] or "all",
        "Uploaded Events": figures["uploaded_events"],
        "Analyzed Events": figures["analyzed_events"],
        "Uploaded Pending": figures["uploaded_pending"],
        "Analyzed Pending": figures["analyzed_pending"],
        "Uploaded Given Up": figures["uploaded_dead"],
        "Objects Count": figures["objects_count"],
        "Total Size (GB)": f"{figures['total_size_gb']:.6f}",
    }
    return [*facts(rows), "", "Sample Keys:", *(f"  {key}" for key in figures["sample_keys"])]
