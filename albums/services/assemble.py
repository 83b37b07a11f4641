"""Assemble an album once all its items are analyzed: merge, store the summary, publish once."""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from albums import metrics
from albums.models import AlbumStatus, MediaGroup, MediaGroupItem
from albums.services import album_events, claims
from albums.services.assembly import Assembly
from albums.services.items import is_partial, read_items
from albums.summary import ItemView, items_fingerprint, summarize
from events import outbox
from events.errors import RetryLater
from events.metrics import count_when_committed
from events.sentences import Sentence, gettext_noop
from storage_quota import keys, services
from storage_quota.models import ContentType
from storage_quota.object_store.packing import json_bytes
from vision.models import EnrichmentKind, PostEnrichment

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(seconds=2)
OTHERS = gettext_noop("another worker assembles this album")


_AWAITED = Sentence(gettext_noop("%(missing)s of %(items)s awaited"))


def assemble_album_of(*, post_id: str, now: datetime) -> str:
    """Assemble the album of a post, if it has one."""
    group_id = (
        MediaGroupItem.objects.filter(post_id=post_id).values_list("group_id", flat=True).first()
    )
    return (
        gettext_noop("no album") if group_id is None else assemble_album(group_id=group_id, now=now)
    )


def assemble_album(*, group_id: int, now: datetime, overdue: bool = False) -> str:
    """
    Assemble the album if every item has its outcome, or, when `overdue`, with those it has.

    Idempotent: the same state of the items is assembled once. Raises RetryLater where another
    worker has the album or an item changes meanwhile.
    """
    group = MediaGroup.objects.filter(pk=group_id).first()
    if group is None:
        return gettext_noop("album is gone")
    with metrics.counting_failures():
        items = read_items(group)
        if not overdue and any(not item.seen for item in items):
            return _wait(group, items, now=now)
        if answer := _nothing_to_do(group, items, overdue=overdue):
            return answer
        if not claims.claim(group, now=now):
            raise RetryLater(OTHERS, after=RETRY_AFTER)
        return _assemble_claimed(group, now=now, overdue=overdue)


def _wait(group: MediaGroup, items: Sequence[ItemView], *, now: datetime) -> str:
    """
    Leave the album to the item that comes last, or to the end of its time.

    One that was assembled without its missing items is opened again for what came since: of the
    others one may never come. Raises RetryLater where another worker is assembling it.
    """
    if group.claimed_until and group.claimed_until >= now:
        # It may have read the items before this one came.
        raise RetryLater(OTHERS, after=RETRY_AFTER)
    is_news = items_fingerprint(items) != group.assembled_fingerprint
    if group.status != AlbumStatus.WAITING and is_news and not claims.reopen(group, now=now):
        raise RetryLater(OTHERS, after=RETRY_AFTER)
    return _awaited(items)


def _awaited(items: Sequence[ItemView]) -> str:
    missing = sum(not item.seen for item in items)
    return _AWAITED % {"missing": missing, "items": len(items)}


def _nothing_to_do(group: MediaGroup, items: Sequence[ItemView], *, overdue: bool) -> str:
    """Why the album is not assembled now; empty where it is to be assembled."""
    if not items:
        return gettext_noop("no items")
    if not overdue and any(not item.seen for item in items):
        return _awaited(items)
    assembled_before = items_fingerprint(items) == group.assembled_fingerprint
    if assembled_before and group.status != AlbumStatus.WAITING:
        return gettext_noop("assembled already")
    return ""


def _assemble_claimed(group: MediaGroup, *, now: datetime, overdue: bool) -> str:
    started = time.monotonic()
    try:
        # Read again under the claim: since the first reading another worker may have assembled
        # the album. A worker that changes an item from now on finds the claim and retries later.
        group.refresh_from_db()
        items = read_items(group)
        if answer := _nothing_to_do(group, items, overdue=overdue):
            claims.release(group)
            return answer
        assembly = Assembly(
            group=group,
            fingerprint=items_fingerprint(items),
            status=AlbumStatus.PARTIAL if is_partial(items) else AlbumStatus.COMPLETE,
            summary=summarize(items),
            completed_at=now,
        )
        s3_key = _store_summary(assembly)
        with transaction.atomic():
            # Before the row of the album is locked: an eviction takes them in this order.
            kept = services.lock_existing([s3_key] if s3_key else [])
            version = _settle(assembly, s3_key if s3_key in kept else None)
    except BaseException:
        claims.release(group)
        raise
    _observe(assembly, version=version, seconds=time.monotonic() - started)
    return str(assembly.status)


def _observe(assembly: Assembly, *, version: int, seconds: float) -> None:
    """Count the assembly, once its transaction and those around it are committed."""
    observe = partial(
        metrics.observe_assembly,
        assembly.status,
        version=version,
        lag_seconds=assembly.lag_seconds,
        summary_bytes=len(json_bytes(assembly.document())),
        seconds=seconds,
    )
    count_when_committed(observe)


def _store_summary(assembly: Assembly) -> str | None:
    """Put the summary; return its key, None where the bucket is full or away."""
    group = assembly.group
    key = keys.album(tenant_id=group.tenant_id, album_id=group.pk)
    try:
        services.put_json(
            tenant=group.tenant,
            content_type=ContentType.ALBUM,
            key=key,
            data=assembly.document(),
            now=assembly.completed_at,
        )
    except services.NOT_STORED as refusal:
        # The album's row has the summary too, so the assembly goes on without the object.
        logger.warning("summary of album %s is not kept: %s", group.pk, refusal, exc_info=refusal)
        return None
    return key


def _settle(assembly: Assembly, s3_key: str | None) -> int:
    """Write the result into the row and publish it, unless the album changed; its new version."""
    group = MediaGroup.objects.select_for_update(no_key=True).get(pk=assembly.group.pk)
    if group.content_hash != assembly.group.content_hash:
        raise RetryLater("an item came meanwhile", after=RETRY_AFTER)
    if group.claimed_until != assembly.group.claimed_until:
        raise RetryLater("it took so long that another worker has it now", after=RETRY_AFTER)
    group.version += 1
    group.status = assembly.status
    group.assembled_at = assembly.completed_at
    group.assembled_fingerprint = assembly.fingerprint
    group.claimed_until = group.claimed_by = None
    group.meta = group.meta | {"enrichment": assembly.enrichment(s3_key)}
    group.save()
    PostEnrichment.objects.filter(kind=EnrichmentKind.VISION, post__album_item__group=group).update(
        album_size=group.items_count, vision_labels_agg=assembly.summary.vision_labels
    )
    # In the transaction that settles: the event exists exactly where the result does.
    told = album_events.assembled(group, assembly, s3_key)
    outbox.publish_anew([told], now=assembly.completed_at)
    return int(group.version)
