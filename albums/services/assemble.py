"""When all items of an album are seen: merge them, put the summary, say so once."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from albums.models import AlbumStatus, MediaGroup, MediaGroupItem
from albums.summary import AlbumSummary, ItemView, document, fingerprint, summarize
from events import liveness, outbox, trace
from events.errors import RetryLater
from events.schemas import AlbumAssembledEventV1
from storage_quota import keys
from storage_quota import services as quota
from storage_quota.models import ContentType
from vision.models import EnrichmentKind, PostEnrichment

logger = logging.getLogger(__name__)

CLAIM = timedelta(minutes=2)
"""
How long an assembly may take before another worker may try. The claim of a worker that is gone
ends at once (`release_claims_of_gone_workers`).
"""
COME_BACK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Assembly:
    """A claimed album with what is to be said of it."""

    group: MediaGroup
    print: str
    status: AlbumStatus
    summary: AlbumSummary
    completed_at: datetime


def assemble_album_of(*, post_id: str, now: datetime) -> str:
    item = MediaGroupItem.objects.filter(post_id=post_id).values_list("group_id", flat=True).first()
    return "no album" if item is None else assemble_album(group_id=item, now=now)


def assemble_album(*, group_id: int, now: datetime, overdue: bool = False) -> str:
    """
    Assemble the album if every item is seen, or, when `overdue`, with what there is.

    Idempotent: the same state of the items is assembled once.
    """
    group = MediaGroup.objects.filter(pk=group_id).first()
    if group is None:
        return "album is gone"
    if answer := _nothing_to_do(group, item_views(group), overdue=overdue):
        return answer
    if not _claim(group, now=now):
        raise RetryLater("another worker assembles this album", after=COME_BACK)
    return _assemble_claimed(group, now=now, overdue=overdue)


def _nothing_to_do(group: MediaGroup, items: Sequence[ItemView], *, overdue: bool) -> str:
    if not items:
        return "no items"
    waiting = sum(not item.seen for item in items)
    if waiting and not overdue:
        return f"{waiting} of {len(items)} awaited"
    if fingerprint(items) == group.assembled_print and group.status != AlbumStatus.WAITING:
        return "assembled already"
    return ""


def _assemble_claimed(group: MediaGroup, *, now: datetime, overdue: bool) -> str:
    """
    Items are read again under the claim: what another worker assembled since is newer.

    Whoever changes an item from now on finds the claim taken, and comes back.
    """
    try:
        group.refresh_from_db()
        items = item_views(group)
        if answer := _nothing_to_do(group, items, overdue=overdue):
            _give_back(group)
            return answer
        assembly = Assembly(
            group=group,
            print=fingerprint(items),
            status=AlbumStatus.PARTIAL if _is_partial(items) else AlbumStatus.COMPLETE,
            summary=summarize(items),
            completed_at=now,
        )
        s3_key = _put(assembly)
        with transaction.atomic():
            # Before the row of the album is locked: an eviction takes them in this order.
            kept = quota.hold([s3_key] if s3_key else [])
            return _settle(assembly, s3_key if s3_key in kept else None)
    except BaseException:
        _give_back(group)
        raise


def _give_back(group: MediaGroup) -> None:
    """Our claim; one that ran out may be another worker's by now."""
    ours = MediaGroup.objects.filter(pk=group.pk, claimed_until=group.claimed_until)
    ours.update(claimed_until=None, claimed_by=None)


def release_claims_of_gone_workers(**_: object) -> int:
    """Free the albums that workers which are gone were assembling; workers do so all the time."""
    claimed = MediaGroup.objects.filter(claimed_by__isnull=False)
    workers = claimed.order_by().values_list("claimed_by", flat=True).distinct()
    gone = [worker for worker in workers if worker is not None and liveness.is_gone(worker)]
    return claimed.filter(claimed_by__in=gone).update(claimed_until=None, claimed_by=None)


def assemble_overdue(*, timeout: timedelta, now: datetime) -> int:
    """Albums that made no progress for `timeout` are assembled as they are."""
    recent = MediaGroupItem.objects.filter(
        group=OuterRef("pk"),
        post__enrichments__kind=EnrichmentKind.VISION,
        post__enrichments__updated_at__gt=now - timeout,
    )
    stuck = MediaGroup.objects.filter(
        ~Exists(recent), status=AlbumStatus.WAITING, updated_at__lte=now - timeout
    )
    return sum(
        _assemble_late(pk, now=now)
        for pk in stuck.order_by("updated_at").values_list("pk", flat=True)[:100]
    )


def _assemble_late(group_id: int, *, now: datetime) -> bool:
    """One album that cannot be assembled just now does not hold up the others."""
    try:
        with trace.use(f"overdue-album:{group_id}"):
            assemble_album(group_id=group_id, now=now, overdue=True)
    except RetryLater as wait:
        logger.info("overdue album %s: %s", group_id, wait)
        return False
    return True


def item_views(group: MediaGroup) -> list[ItemView]:
    """The items with their outcomes; one query each for items and enrichments."""
    items = list(MediaGroupItem.objects.filter(group=group).order_by("position"))
    outcomes = {
        e.post_id: e
        for e in PostEnrichment.objects.filter(
            kind=EnrichmentKind.VISION, post__in=[i.post_id for i in items]
        )
    }
    return [_view(item, outcomes.get(item.post_id)) for item in items]


def _of_this_picture(item: MediaGroupItem, outcome: PostEnrichment | None) -> bool:
    """An outcome of the picture that an edit has replaced says nothing about this one."""
    if outcome is None:
        return False
    decided = {decision["sha256"] for decision in outcome.metadata.get("decisions", [])}
    return not decided or not item.sha256 or item.sha256 in decided


def _view(item: MediaGroupItem, found: PostEnrichment | None) -> ItemView:
    outcome = found if _of_this_picture(item, found) else None
    place = ItemView(
        post_id=str(item.post_id),
        position=item.position,
        sha256=item.sha256,
        seen=outcome is not None or not item.sha256,  # without a file nothing is awaited
    )
    if outcome is None:
        return place
    classification = outcome.vision_classification or {}
    return replace(
        place,
        analyzed_at=outcome.vision_analyzed_at,
        description=outcome.vision_description,
        labels=classification.get("tags", []),
        ocr_text=outcome.vision_ocr_text,
        is_meme=outcome.vision_is_meme,
        features_hash=outcome.features_hash,
    )


def _is_partial(items: Sequence[ItemView]) -> bool:
    """Some item that has a file was not analyzed, whatever the reason (CONTRACT fact 90)."""
    return any(item.sha256 and item.analyzed_at is None for item in items)


def _claim(group: MediaGroup, *, now: datetime) -> bool:
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    claimed = MediaGroup.objects.filter(free, pk=group.pk, content_hash=group.content_hash)
    group.claimed_until, group.claimed_by = now + CLAIM, liveness.worker_id()
    return claimed.update(claimed_until=group.claimed_until, claimed_by=group.claimed_by) == 1


def _put(assembly: Assembly) -> str | None:
    """The key of the summary, or None where the bucket is full or away: the album goes on."""
    group = assembly.group
    key = keys.album(tenant_id=group.tenant_id, album_id=group.pk)
    identity = {
        "album_id": group.pk,
        "grouped_id": group.grouped_id,
        "tenant_id": str(group.tenant_id),
        "channel_id": str(group.channel_id),
    }
    summary = document(
        assembly.summary,
        identity=identity,
        completed_at=assembly.completed_at,
        status=assembly.status,
    )
    try:
        quota.put_json(
            tenant=group.tenant,
            content_type=ContentType.ALBUM,
            key=key,
            data=summary,
            now=assembly.completed_at,
        )
    except quota.NOT_STORED as refusal:
        logger.warning("summary of album %s is not kept: %s", group.pk, refusal)
        return None
    return key


def _settle(assembly: Assembly, s3_key: str | None) -> str:
    group = MediaGroup.objects.select_for_update(no_key=True).get(pk=assembly.group.pk)
    if group.content_hash != assembly.group.content_hash:
        raise RetryLater("an item came meanwhile", after=COME_BACK)
    if group.claimed_until != assembly.group.claimed_until:
        raise RetryLater("it took so long that another worker has it now", after=COME_BACK)
    summary = assembly.summary
    group.version += 1
    group.status = assembly.status
    group.assembled_at = assembly.completed_at
    group.assembled_print = assembly.print
    group.claimed_until = group.claimed_by = None
    group.meta = group.meta | {"enrichment": _enrichment(assembly, s3_key)}
    group.save()
    PostEnrichment.objects.filter(kind=EnrichmentKind.VISION, post__album_item__group=group).update(
        album_size=group.items_count, vision_labels_agg=summary.vision_labels
    )
    outbox.publish(_assembled_event(group, assembly, s3_key))
    return str(assembly.status)


def _enrichment(assembly: Assembly, s3_key: str | None) -> dict[str, object]:
    """`media_groups.meta -> enrichment` (CONTRACT §10.6)."""
    summary = asdict(assembly.summary)
    times = {name: summary.pop(name) for name in ("first_analyzed_at", "last_analyzed_at")}
    return {
        **summary,
        **{name: value.isoformat() if value else None for name, value in times.items()},
        "status": str(assembly.status),
        "assembly_completed_at": assembly.completed_at.isoformat(),
        "assembly_lag_seconds": assembly.summary.lag_seconds(assembly.completed_at),
        "s3_key": s3_key,
    }


def _assembled_event(
    group: MediaGroup, assembly: Assembly, s3_key: str | None
) -> AlbumAssembledEventV1:
    summary = assembly.summary
    key = f"{group.tenant_id}:{group.channel_id}:{group.grouped_id}:assembled"
    return AlbumAssembledEventV1(
        tenant_id=str(group.tenant_id),
        idempotency_key=key if group.version == 1 else f"{key}:v{group.version}",
        channel_id=str(group.channel_id),
        album_id=group.pk,
        grouped_id=group.grouped_id,
        album_kind=group.album_kind,
        album_version=group.version,
        status="complete" if assembly.status == AlbumStatus.COMPLETE else "partial",
        items_count=summary.items_count,
        items_analyzed=summary.items_analyzed,
        vision_summary=summary.vision_summary or None,
        vision_labels=summary.vision_labels,
        vision_ocr_text=summary.ocr_text or None,
        has_meme=summary.has_meme,
        has_text=summary.has_text,
        s3_key=s3_key,
        posted_at=group.posted_at,
        first_analyzed_at=summary.first_analyzed_at,
        last_analyzed_at=summary.last_analyzed_at,
        assembly_completed_at=assembly.completed_at,
        assembly_lag_seconds=summary.lag_seconds(assembly.completed_at),
    )
