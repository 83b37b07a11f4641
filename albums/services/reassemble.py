"""Have albums assembled again, because a person wants it: each becomes another version."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import Tenant
from albums.models import AlbumStatus, MediaGroup
from albums.services import album_events
from albums.services.assemble import assemble_album
from events import outbox

TOLD = 10
"""So many ids of albums are in an entry of the audit."""


def request(album_ids: Iterable[int]) -> int:
    """
    Queue the assembly of these albums; returns the number of albums.

    One that has all outcomes is assembled by the next worker, another when they come or its time
    has run out. An album without items is left alone.
    """
    with transaction.atomic():
        groups = _open(album_ids)
        for group in groups:
            items = list(group.items.order_by("position"))
            outbox.publish(album_events.parsed(group, items, first=False))
        _record(groups, at_once=False)
    return len(groups)


def assemble_now(album_id: int, *, now: datetime) -> str:
    """
    Assemble an album here, from the outcomes that there are; returns its status.

    Raises RetryLater where a worker is assembling it.
    """
    with transaction.atomic():
        groups = _open([album_id])
        _record(groups, at_once=True)
    return assemble_album(group_id=album_id, now=now, overdue=True) if groups else "no items"


def _open(album_ids: Iterable[int]) -> list[MediaGroup]:
    """Lock the albums, and let them wait: then an equal state of their items is assembled, too."""
    # By id: two requests for the same albums cannot deadlock.
    found = MediaGroup.objects.filter(pk__in=set(album_ids)).exclude(items_count=0).order_by("pk")
    groups = list(found.select_for_update(no_key=True))
    for group in groups:
        group.status = AlbumStatus.WAITING
        group.revision += 1
        group.save(update_fields=["status", "revision", "updated_at"])
    return groups


def _record(groups: Sequence[MediaGroup], *, at_once: bool) -> None:
    """Tell the audit, once for each tenant."""
    tenants = Tenant.objects.in_bulk({group.tenant_id for group in groups})
    for pk, tenant in sorted(tenants.items()):
        ids = [group.pk for group in groups if group.tenant_id == pk]
        after = {"albums": len(ids), "ids": ids[:TOLD], "at_once": at_once}
        audit.record("albums.reassembled", tenant=tenant, after=after)
