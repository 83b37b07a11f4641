"""Delete old events whose deliveries are all finished."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from events.models import Delivery, DeliveryState, OutboxEvent

CHUNK = 5000
"""Events deleted in one transaction: few enough that its locks and its WAL stay small."""


def prunable(*, before: datetime) -> QuerySet[OutboxEvent]:
    """Select events published before `before`; those with an open or dead delivery are kept."""
    unfinished = Delivery.objects.filter(event=OuterRef("pk")).exclude(state=DeliveryState.DONE)
    return OutboxEvent.objects.filter(~Exists(unfinished), created_at__lt=before)


def prune(*, before: datetime) -> int:
    """Delete what `prunable` selects, in chunks; returns how many events were deleted."""
    total = 0
    while ids := list(prunable(before=before).order_by("id").values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            deliveries = Delivery.objects.filter(event_id__in=ids)
            # Raw deletes: an ordinary one would first read every row to look for cascades.
            deliveries.filter(state=DeliveryState.DONE)._raw_delete("default")  # noqa: SLF001
            # What somebody has made due again since it was chosen stays.
            kept = set(deliveries.values_list("event_id", flat=True))
            gone = [event_id for event_id in ids if event_id not in kept]
            OutboxEvent.objects.filter(pk__in=gone)._raw_delete("default")  # noqa: SLF001
        total += len(gone)
    return total
