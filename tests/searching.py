"""What tests of the search do: write and index posts, ask as a member, read the answer."""

from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import Membership, User
from media.models import Channel, Post
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_words import index_words
from tests import factories as make

API = "/api/v1/search"
SIMILAR = "/api/v1/search/similar"


def member_of(channel: Channel) -> Client:
    """A signed-in member of the channel's tenant who reads English."""
    client, user = Client(headers={"accept-language": "en"}), User.objects.create_user("bob")
    Membership.objects.create(user=user, tenant=channel.tenant)
    client.force_login(user)
    return client


def index(*posts: Post) -> None:
    index_words([post.pk for post in posts], now=timezone.now())
    index_meaning([post.pk for post in posts])


def write(of: Channel, text: str, **fields: Any) -> Post:
    post = make.post(of=of, content=text, **fields)
    index(post)
    return post


def album(of: Channel, *texts: str, caption: str = "") -> list[Post]:
    """Make an album with these texts of its items, indexed; return the items in order."""
    pictures = [make.media_object(owner=of.tenant) for _ in texts]
    group = make.album(of=of, pictures=pictures, caption_text=caption)
    items = list(Post.objects.filter(album_item__group=group).order_by("album_item__position"))
    for item, text in zip(items, texts, strict=True):
        Post.objects.filter(pk=item.pk).update(content=text, posted_at=make.NOW)
    index(*items)
    return items


def analyzed(post: Post, *pictures: tuple[str, str]) -> None:
    """Save what was read and seen in the pictures of a post: (text, description) each."""
    shown = [row.media_object.file_sha256 for row in post.post_media.order_by("position")]
    analyses = {
        sha256: {"ocr": {"text": text}, "description": seen, "labels": []}
        for sha256, (text, seen) in zip(shown, pictures, strict=True)
    }
    make.enrichment(
        post,
        data={"analyses": analyses},
        vision_ocr_text="\n\n".join(text for text, _ in pictures),
        vision_description=" | ".join(seen for _, seen in pictures),
    )
    index(post)


def get(client: Client, address: str, **parameters: Any) -> Any:
    answer = client.get(address, parameters)
    assert answer.status_code == 200, answer.content
    return answer.json()


def ask(client: Client, text: str, **more: Any) -> Any:
    return get(client, API, q=text, **more)


def ids(body: Any) -> list[str]:
    """Ids of the hits, in order."""
    return [hit["post_id"] for hit in body["hits"]]


def keys(*posts: Post) -> list[str]:
    return [str(post.pk) for post in posts]
