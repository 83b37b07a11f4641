"""What every item of an album inherits: its caption, which one message has, and the hashtags in it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from media.models import Post


@dataclass(frozen=True, slots=True)
class AlbumCaption:
    """The text that Telegram shows below an album; hashtags as the source has them."""

    text: str = ""
    hashtags: tuple[str, ...] = ()


NO_CAPTION: Final = AlbumCaption()
Album = tuple[UUID, int | None]
"""The id of a channel, and the number of a group in it."""


def caption_of(members: Iterable[Post]) -> AlbumCaption:
    """The caption of an album: the first text of its members, given by their messages' numbers."""
    with_text = (AlbumCaption(p.content, tuple(p.hashtags)) for p in members if p.content)
    return next(with_text, NO_CAPTION)


def captions_of(posts: Iterable[Post]) -> dict[UUID, AlbumCaption]:
    """The caption that each post inherits, by one query; posts of no album are left out."""
    albums = {p.pk: (p.channel_id, p.grouped_id) for p in posts if p.grouped_id is not None}
    found = captions(albums.values())
    return {pk: found.get(album, NO_CAPTION) for pk, album in albums.items()}


def captions(albums: Iterable[Album]) -> dict[Album, AlbumCaption]:
    """The captions of these albums, by one query; albums without one are left out."""
    wanted = set(albums)
    members: dict[Album, list[Post]] = {}
    for post in _posts_with_text(wanted):
        members.setdefault((post.channel_id, post.grouped_id), []).append(post)
    return {album: caption_of(posts) for album, posts in members.items() if album in wanted}


def _posts_with_text(albums: Collection[Album]) -> Iterable[Post]:
    if not albums:
        return ()
    # Along the index of posts of albums. Two channels may have groups of one number: the caller
    # tells them apart.
    posts = Post.objects.filter(
        channel__in={channel for channel, _ in albums},
        grouped_id__in={group for _, group in albums},
    )
    columns = ("channel_id", "grouped_id", "content", "hashtags", "telegram_message_id")
    return posts.exclude(content="").order_by("telegram_message_id").only(*columns)
