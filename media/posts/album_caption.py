"""What every item of an album inherits: its caption, which one message has, and the hashtags in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from media.models import Post


@dataclass(frozen=True, slots=True)
class AlbumCaption:
    """The text that Telegram shows below an album; hashtags as the source has them."""

    text: str = ""
    hashtags: tuple[str, ...] = ()


NO_CAPTION = AlbumCaption()


def caption_of(members: Iterable[Post]) -> AlbumCaption:
    """The caption of an album: the first text of its members, given by their messages' numbers."""
    with_text = (AlbumCaption(p.content, tuple(p.hashtags)) for p in members if p.content)
    return next(with_text, NO_CAPTION)


def captions_of(posts: Sequence[Post]) -> dict[UUID, AlbumCaption]:
    """The caption that each post inherits, by one query; posts of no album are left out."""
    items = [post for post in posts if post.grouped_id is not None]
    found: dict[tuple[UUID, int | None], list[Post]] = {}
    for member in _members_with_text(items):
        found.setdefault((member.channel_id, member.grouped_id), []).append(member)
    return {
        post.pk: caption_of(found.get((post.channel_id, post.grouped_id), ())) for post in items
    }


def _members_with_text(items: Sequence[Post]) -> Iterable[Post]:
    if not items:
        return ()
    # By channel and group: along the index of posts of albums. Groups of one number in two
    # channels are told apart by whoever sorts them.
    members = Post.objects.filter(
        channel__in={post.channel_id for post in items},
        grouped_id__in={post.grouped_id for post in items},
    ).exclude(content="")
    return members.order_by("telegram_message_id").only(
        "channel_id", "grouped_id", "content", "hashtags", "telegram_message_id"
    )
