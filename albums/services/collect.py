"""Collect posts with the same grouped id as the items of one album."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from albums import metrics
from albums.models import AlbumKind, AlbumStatus, ItemKind, MediaGroup, MediaGroupItem
from albums.services import album_events
from events import outbox
from events.metrics import count_when_committed
from events.sentences import gettext_noop
from media.models import MediaObject, MediaRole, Post, PostMedia
from media.posts.album_caption import caption_of
from media.sources.port import MediaKind

_KINDS = {
    MediaKind.PHOTO: ItemKind.PHOTO,
    MediaKind.VIDEO: ItemKind.VIDEO,
    MediaKind.ANIMATION: ItemKind.VIDEO,
    MediaKind.VIDEO_MESSAGE: ItemKind.VIDEO,
}


def save_media_group(*, post_id: str, tenant_id: str) -> str:
    """
    Make the items of an album equal to the posts that have its grouped id.

    Called for every item, in any order and any number of times; a late item changes the
    album, and each change publishes `albums.parsed` once.
    """
    post = Post.objects.filter(pk=post_id, tenant_id=tenant_id).first()
    if post is None:
        return gettext_noop("post not found")
    if post.grouped_id is None:
        return _leave(post)
    with transaction.atomic():
        group = _locked_group(post, post.grouped_id)
        members = _members(group)
        _leave_other_groups(group, members)
        return gettext_noop("parsed") if _update(group, members) else gettext_noop("unchanged")


def _leave(post: Post) -> str:
    """Take a post out of the album that it was in: more neighbors may show that it stands alone."""
    with transaction.atomic():
        left = MediaGroup.objects.filter(items__post=post)
        for group in left.select_for_update(no_key=True, of=("self",)):
            _update(group, _members(group))
            return gettext_noop("parsed")
    return gettext_noop("no album")


def _locked_group(post: Post, grouped_id: int) -> MediaGroup:
    """Create the album where needed, and lock it: workers with items of one album take turns."""
    named = MediaGroup.objects.filter(channel_id=post.channel_id, grouped_id=grouped_id)
    if not named.exists():
        _rename_album(post, grouped_id)
    MediaGroup.objects.get_or_create(
        channel_id=post.channel_id,
        grouped_id=grouped_id,
        defaults={
            "tenant_id": post.tenant_id,
            "album_kind": AlbumKind.MIXED,
            "posted_at": post.posted_at,
        },
    )
    return named.select_for_update(no_key=True).get()


def _rename_album(post: Post, grouped_id: int) -> None:
    """
    Give the number to the album whose posts have it now: it goes on under its own id.

    The import's rule numbers an album after its first message. An older export may bring one that
    was deleted before the export that made the album.
    """
    members = Post.objects.filter(channel_id=post.channel_id, grouped_id=grouped_id)
    known = MediaGroup.objects.filter(items__post__in=members).order_by("pk").values("pk")
    # Locked by its id before the number is read: another worker may just have renamed it.
    album = MediaGroup.objects.select_for_update(no_key=True).filter(pk__in=known[:1]).first()
    if album is None or not album.grouped_id < grouped_id < 0:
        return
    if not Post.objects.filter(channel_id=post.channel_id, grouped_id=album.grouped_id).exists():
        album.grouped_id = grouped_id
        album.save(update_fields=["grouped_id", "updated_at"])


def _leave_other_groups(group: MediaGroup, members: Sequence[Post]) -> None:
    """
    Take the members out of the albums they were in, and update those.

    A later import may find that albums are one, or that a long run of posts is several.
    """
    strays = MediaGroupItem.objects.filter(post__in=members).exclude(group=group)
    losing = set(strays.values_list("group_id", flat=True))
    if not losing:
        return
    strays.delete()
    # By id: two workers that lock several albums each cannot deadlock among these.
    others = MediaGroup.objects.filter(pk__in=losing).select_for_update(no_key=True)
    for other in others.order_by("pk"):
        _update(other, _members(other))


def _members(group: MediaGroup) -> list[Post]:
    posts = Post.objects.filter(channel_id=group.channel_id, grouped_id=group.grouped_id)
    return list(posts.order_by("telegram_message_id"))


def _update(group: MediaGroup, members: Sequence[Post]) -> bool:
    """Bring a locked album up to date; False where neither items nor caption changed."""
    media = _primary_media([m.pk for m in members])
    items = [_item(group, post, media.get(post.pk), n) for n, post in enumerate(members)]
    content_hash = _content_hash(items)
    caption, cover = caption_of(members).text, _cover(items)
    known = (group.content_hash, group.caption_text, group.cover_media_id)
    if (content_hash, caption, cover) == known:
        return False
    first = not group.content_hash
    if content_hash != group.content_hash:
        # Replaced as a whole, so that no position is taken twice on the way.
        MediaGroupItem.objects.filter(group=group).delete()
        MediaGroupItem.objects.bulk_create(items)
        # An empty album waits for nothing; its row stays, so that no key of an event comes twice.
        group.status = AlbumStatus.WAITING if items else AlbumStatus.COMPLETE
    group.content_hash = content_hash
    group.items_count = len(items)
    group.album_kind = album_kind(item.media_kind for item in items)
    group.cover_media_id = cover
    group.caption_text = caption
    group.revision += 1
    if members:
        group.posted_at = members[0].posted_at
    group.save()
    if items:
        outbox.publish_anew([album_events.parsed(group, items, first=first)], now=timezone.now())
        count_when_committed(metrics.count_parsed)
    return True


def album_kind(kinds: Iterable[str]) -> AlbumKind:
    """All photos, all videos, or mixed; an album of documents is mixed (CONTRACT §10.1)."""
    distinct = set(kinds)
    if distinct == {ItemKind.PHOTO}:
        return AlbumKind.PHOTO
    return AlbumKind.VIDEO if distinct == {ItemKind.VIDEO} else AlbumKind.MIXED


def _primary_media(posts: Sequence[UUID]) -> dict[UUID, MediaObject]:
    maps = PostMedia.objects.filter(post_id__in=posts, role=MediaRole.PRIMARY)
    return {m.post_id: m.media_object for m in maps.select_related("media_object")}


def _item(
    group: MediaGroup, post: Post, media: MediaObject | None, position: int
) -> MediaGroupItem:
    kinds = {kind.value: item for kind, item in _KINDS.items()}
    return MediaGroupItem(
        group=group,
        post=post,
        position=position,
        media_object=media,
        media_kind=kinds.get(post.media_kind, ItemKind.DOCUMENT),
        sha256=media.file_sha256 if media else "",
        meta={"media_state": post.media_state},
    )


def _cover(items: Sequence[MediaGroupItem]) -> UUID | None:
    """The first photo; of an album without photos, the first preview of a video."""
    photos = (i.media_object_id for i in items if i.media_kind == ItemKind.PHOTO)
    found = next(filter(None, photos), None)
    return found or _first_preview([i.post_id for i in items])


def _first_preview(posts: Sequence[UUID]) -> UUID | None:
    previews = PostMedia.objects.filter(post__in=posts, role=MediaRole.THUMBNAIL)
    by_message = previews.order_by("post__telegram_message_id", "position")
    return by_message.values_list("media_object", flat=True).first()


def _content_hash(items: Sequence[MediaGroupItem]) -> str:
    content = {
        "post_ids": [str(i.post_id) for i in items],
        "media_types": [str(i.media_kind) for i in items],
        "sha256s": [i.sha256 for i in items],
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
