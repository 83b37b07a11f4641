"""
The graph by the names of the seed documents (CONTRACT §12.2).

What creates nodes reads the rows that they are of: so it can be called at any time and any number
of times, and says nothing that a rebuild would not say.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from albums.models import MediaGroupItem
from graph import keys
from graph.facts import present
from graph.queries.albums import find_albums_by_channel, find_albums_by_tags, get_album_posts
from graph.services.index import index
from graph.sources.read import Changed
from graph.store import connection
from graph.store.write import Written
from media.models import PostMedia, media_object_id

__all__ = [
    "create_album_node_and_relationships", "create_article_node", "create_image_content_node",
    "find_albums_by_channel", "find_albums_by_tags", "get_album_posts",
]  # fmt: skip


def create_image_content_node(tenant_id: UUID, sha256: str) -> Written:
    """Write the node of a picture, with the posts that show it."""
    shown = PostMedia.objects.filter(media_object=media_object_id(tenant_id, sha256))
    return index(Changed(posts=list(shown.values_list("post_id", flat=True))))


def create_album_node_and_relationships(album_id: int) -> Written:
    """Write the node of an album, its channel, and its posts by position."""
    items = MediaGroupItem.objects.filter(group=album_id)
    return index(Changed(posts=list(items.values_list("post_id", flat=True)), albums=[album_id]))


def create_article_node(
    tenant_id: UUID, url: str, *, post_ids: Iterable[UUID], **properties: Any
) -> bool:
    """
    Write what is known of a crawled page to its node, and the posts that link to it.

    `properties` are those of `graph.nodes.Article`. False if none of the posts links to it.
    """
    index(Changed(posts=list(post_ids)))
    key = keys.article(tenant_id, keys.address(url))

    def tell(run: Any) -> int:
        query = "MATCH (a:Article {key: $key}) SET a += $told RETURN count(a) AS found"
        return int(run.run(query, key=key, told=present(properties)).single()["found"])

    return bool(connection.write(tell))
