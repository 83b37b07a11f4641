"""A stored file is lost or damaged: its posts say so until it is stored again, by the next import."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from events.postgresql import arrays
from media.models import Channel, MediaObject, MediaRole, MediaState, Post, PostMedia
from storage_quota import keys
from storage_quota.hooks import Loss, on_loss, on_return
from storage_quota.models import ContentType
from storage_quota.selectors import in_good_order

LOST: Final = (MediaState.MISSING, MediaState.UNREADABLE)
"""A post of which an import could not read the file says the same: there is none to open."""


@on_loss(ContentType.MEDIA)
def note_loss(loss: Loss) -> None:
    """
    Let the posts that show the lost file say so, and forget their source fingerprint.

    So the next import of the same messages takes them for changed, and reads and stores their
    files. Posts and media objects stay. Of a lost thumbnail only the fingerprint tells: the file
    of the post is still there.
    """
    media = media_with(loss.keys)
    posts = Post.objects.filter(post_media__media_object__in=media).order_by()
    lock_channels(_channels_of(media))
    Post.objects.filter(pk__in=posts.values("pk")).update(source_fingerprint="")
    state = MediaState.UNREADABLE if loss.damaged else MediaState.MISSING
    showing = _files().filter(media_object__in=media).values("post")
    Post.objects.filter(pk__in=showing, media_state__in=[MediaState.STORED, *LOST]).update(
        media_state=state
    )


@on_return(ContentType.MEDIA)
def note_return(returned: Sequence[str]) -> None:
    """Let the posts whose lost files are all back, with these keys, say that they are stored."""
    lock_channels(_channels_of(media_with(returned)))
    mark_returned(returned)


def lock_channels_of(channel: UUID, returned: Collection[str]) -> None:
    """Lock a channel, and those of all posts that show files which are stored again."""
    lock_channels([channel, *_channels_of(media_with(returned))])


def lock_channels(channels: Iterable[UUID]) -> None:
    """Lock channels by id, which imports do first of all: no deadlock between the two."""
    rows = Channel.objects.filter(pk__in=arrays.among(list(channels))).order_by("pk")
    list(rows.select_for_update().values_list("pk"))


def mark_returned(returned: Collection[str]) -> None:
    """Call it with the channels locked, see `lock_channels_of`, before the ledger is."""
    lost = Post.objects.filter(media_state__in=LOST, source_fingerprint="")
    showing = _files().filter(media_object__in=media_with(returned)).values("post")
    shown = _files().filter(post__in=lost.filter(pk__in=showing))
    pairs = list(shown.values_list("post", "media_object__s3_key"))
    there = in_good_order({key for _, key in pairs}) | set(returned)
    still = {post for post, key in pairs if key not in there}
    whole = {post for post, _ in pairs} - still
    Post.objects.filter(pk__in=arrays.among(list(whole))).update(media_state=MediaState.STORED)


def media_with(s3_keys: Iterable[str]) -> QuerySet[MediaObject]:
    """The media objects whose file has one of these keys, of the tenants that the keys name."""
    wanted = list(s3_keys)
    owners = {owner[1] for key in wanted if (owner := keys.owner(key))}
    return MediaObject.objects.filter(
        tenant__in=owners,
        file_sha256__in=[keys.content_digest(key) for key in wanted],
        s3_key__in=wanted,
    )


def _files() -> QuerySet[PostMedia]:
    return PostMedia.objects.exclude(role=MediaRole.THUMBNAIL)


def _channels_of(media: QuerySet[MediaObject]) -> list[UUID]:
    posts = Post.objects.filter(post_media__media_object__in=media)
    return list(posts.order_by().values_list("channel", flat=True).distinct())
