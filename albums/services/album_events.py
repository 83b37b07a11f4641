"""Events about albums: `albums.parsed` and `album.assembled`."""

from collections.abc import Sequence

from albums.models import AlbumStatus, MediaGroup, MediaGroupItem
from albums.services.assembly import Assembly
from events.schemas import AlbumAssembledEventV1, AlbumParsedEventV1


def parsed(
    group: MediaGroup, items: Sequence[MediaGroupItem], *, first: bool
) -> AlbumParsedEventV1:
    """Build `albums.parsed`; the key of a later change adds its revision and hash."""
    key = f"{group.tenant_id}:{group.channel_id}:{group.grouped_id}"
    return AlbumParsedEventV1(
        tenant_id=str(group.tenant_id),
        idempotency_key=key if first else f"{key}:{group.revision}:{group.content_hash[:16]}",
        channel_id=str(group.channel_id),
        album_id=group.pk,
        grouped_id=group.grouped_id,
        album_kind=group.album_kind,
        items_count=group.items_count,
        caption_text=group.caption_text or None,
        posted_at=group.posted_at,
        cover_media_id=str(group.cover_media_id) if group.cover_media_id else None,
        post_ids=[str(i.post_id) for i in items],
        content_hash=group.content_hash,
    )


def assembled(group: MediaGroup, assembly: Assembly, s3_key: str | None) -> AlbumAssembledEventV1:
    """Build `album.assembled`; the key of a second assembly adds its version."""
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
        assembly_lag_seconds=assembly.lag_seconds,
    )
