"""Events about posts: `posts.parsed` and `posts.vision.uploaded`."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from events.schemas import MediaFile, PostParsedEventV1, VisionUploadedEventV1
from media.models import Channel, MediaObject, Post
from media.posts.post_row import PostRow


class StoredFile(NamedTuple):
    """What events say of a file that a post shows: columns of its `MediaObject`."""

    file_sha256: str
    s3_key: str
    mime: str
    size_bytes: int


def parsed(
    post: Post | PostRow, channel: Channel, contents: Sequence[str], *, first: bool, trace_id: str
) -> PostParsedEventV1:
    """
    Build `posts.parsed`. The idempotency key of the `first` event is the contract's; a later
    change of the same post adds its revision and fingerprint.
    """
    tenant_id, channel_id = str(post.tenant_id), str(channel.pk)
    key = f"{tenant_id}:{channel_id}:{post.telegram_message_id}"
    return PostParsedEventV1(
        tenant_id=tenant_id,
        trace_id=trace_id,
        idempotency_key=key if first else f"{key}:{post.revision}:{post.fingerprint[:16]}",
        channel_id=channel_id,
        post_id=str(post.id),
        text=post.content,
        urls=post.urls,
        posted_at=post.posted_at,
        media_sha256_list=list(contents),
        grouped_id=post.grouped_id,
        content_hash=post.content_hash or None,
        link_count=len(post.urls),
        tg_message_id=post.telegram_message_id,
        telegram_message_id=post.telegram_message_id,
        tg_channel_id=channel.tg_channel_id,
        telegram_post_url=post.telegram_post_url or None,
        has_media=post.has_media,
        is_edited=post.is_edited,
        views_count=post.views_count,
        forwards_count=post.forwards_count,
        reactions_count=post.reactions_count,
        forward_from_chat_id=post.forward_from_chat_id,
        forward_from_message_id=post.forward_from_message_id,
        forward_date=post.forward_date,
        forward_from_name=post.forward_from_name or None,
        reply_to_message_id=post.reply_to_message_id,
        reply_to_chat_id=post.reply_to_chat_id,
        author_name=post.post_author or None,
    )


def uploaded(
    post: Post | PostRow,
    media: Sequence[MediaObject | StoredFile],
    *,
    first: bool = True,
    now: datetime,
    trace_id: str,
) -> VisionUploadedEventV1:
    """
    Build `posts.vision.uploaded`, keyed by the picture or by the set of pictures (CONTRACT A26).

    A picture that replaces another (not `first`) adds the revision to the key: the post may have
    shown the same picture before, and a key is published once.
    """
    contents = sorted(m.file_sha256 for m in media)
    content = contents[0] if len(contents) == 1 else sha256("".join(contents).encode()).hexdigest()
    key = f"{post.tenant_id}:{post.id}:{content}"
    return VisionUploadedEventV1(
        tenant_id=str(post.tenant_id),
        trace_id=trace_id,
        idempotency_key=key if first else f"{key}:{post.revision}",
        post_id=str(post.id),
        channel_id=str(post.channel_id),
        media_files=[
            MediaFile(
                sha256=m.file_sha256, s3_key=m.s3_key, mime_type=m.mime, size_bytes=m.size_bytes
            )
            for m in media
        ],
        uploaded_at=now,
        posted_at=post.posted_at,
        replaces=not first,
    )
