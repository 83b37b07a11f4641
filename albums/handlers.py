"""Handlers of events: collect posts into albums, assemble albums whose items are analyzed."""

from datetime import datetime
from typing import Any

from albums import metrics
from albums.services import assemble, collect
from events.schemas import AlbumParsedEventV1, PostParsedEventV1, VisionAnalyzedEventV1
from events.subscriptions import Mode, subscribe


@subscribe(
    PostParsedEventV1,
    name="albums.collect",
    when=lambda event: event.grouped_id is not None or _may_have_left(event),
    on_failure=metrics.count_failed_collection,
)
def collect_album(event: PostParsedEventV1, **_: Any) -> str:
    return collect.save_media_group(post_id=event.post_id, tenant_id=event.tenant_id)


def _may_have_left(event: PostParsedEventV1) -> bool:
    """Whether the post was there before, and maybe in an album: the key of a change says more."""
    first = f"{event.tenant_id}:{event.channel_id}:{event.telegram_message_id}"
    return event.has_media and event.idempotency_key != first


@subscribe(AlbumParsedEventV1, name="albums.assemble_parsed", mode=Mode.LEASED, threads=2)
def assemble_parsed(event: AlbumParsedEventV1, *, now: datetime) -> str:
    return assemble.assemble_album(group_id=event.album_id, now=now)


@subscribe(VisionAnalyzedEventV1, name="albums.assemble_analyzed", mode=Mode.LEASED, threads=2)
def assemble_analyzed(event: VisionAnalyzedEventV1, *, now: datetime) -> str:
    return assemble.assemble_album_of(post_id=event.post_id, now=now)
