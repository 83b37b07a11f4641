"""
The graph by the names of the seed documents (CONTRACT §12.2).

What creates nodes reads the rows that they are of: so it can be called at any time and any number
of times, and says nothing that a rebuild would not say.
"""

from uuid import UUID

from albums.models import MediaGroupItem
from crawl.canonicalize import url_hash
from crawl.models import PageMention
from graph import keys
from graph.queries.albums import find_albums_by_channel, find_albums_by_tags, get_album_posts
from graph.services.index import index
from graph.sources.read import Changed
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


def create_article_node(tenant_id: UUID, url: str) -> Written:
    """Write the node of a page as crawling knows it, with the posts that have it as theirs."""
    address = keys.address(url)
    mentions = PageMention.objects.filter(
        page__tenant=tenant_id, page__url_hash__in=map(url_hash, keys.spellings(address))
    )
    posts = list(mentions.values_list("post_id", flat=True).distinct())
    return index(Changed(posts=posts, articles=[(tenant_id, address)]))
