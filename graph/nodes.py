"""
The nodes and relations of the graph as neomodel's classes: what `install_labels` makes indexes of.

Times are texts in UTC like 2026-11-21T12:00:00.000000Z: they read well and sort right. Importing
this takes half a second, so only `graph.store` does, where there is a graph.
"""

from neomodel import (
    BooleanProperty,
    FloatProperty,
    IntegerProperty,
    RelationshipTo,
    StringProperty,
    StructuredNode,
    StructuredRel,
)


class Position(StructuredRel):
    position = IntegerProperty()


class Tagging(StructuredRel):
    confidence = FloatProperty()
    origin = StringProperty()


class Forward(StructuredRel):
    """Where the message came from, as the message itself says."""

    chat_id = IntegerProperty()
    message_id = IntegerProperty()
    name = StringProperty()
    at = StringProperty()


class Likeness(StructuredRel):
    """`distance`: bits between the perceptual hashes; the pixels were compared."""

    distance = IntegerProperty()


class Channel(StructuredNode):
    """`archived` is false for one that posts were forwarded from, and that is not followed."""

    key = StringProperty(unique_index=True)
    tenant_id = StringProperty(index=True)
    channel_id = StringProperty()
    tg_channel_id = IntegerProperty()
    title = StringProperty()
    username = StringProperty()
    archived = BooleanProperty()
    version = IntegerProperty()
    fingerprint = StringProperty()

    posts = RelationshipTo("Post", "HAS_POST")
    albums = RelationshipTo("Album", "HAS_ALBUM")


class Post(StructuredNode):
    """
    A message; `archived` is false for one that others refer to, and that is not in the archive.

    `deleted_at` is there of one that was deleted in Telegram; the archive keeps it.
    """

    key = StringProperty(unique_index=True)
    tenant_id = StringProperty(index=True)
    post_id = StringProperty()
    channel_id = StringProperty(index=True)
    tg_channel_id = IntegerProperty()
    telegram_message_id = IntegerProperty()
    posted_at = StringProperty()
    content = StringProperty()
    url = StringProperty()
    deleted_at = StringProperty()
    archived = BooleanProperty()
    version = IntegerProperty()
    fingerprint = StringProperty()

    images = RelationshipTo("ImageContent", "HAS_IMAGE", model=Position)
    text = RelationshipTo("Text", "SAYS")
    tags = RelationshipTo("Tag", "TAGGED_AS", model=Tagging)
    links = RelationshipTo("Article", "REFERS_TO")
    forwarded_from = RelationshipTo("Post", "FORWARDED_FROM", model=Forward)
    replies_to = RelationshipTo("Post", "REPLIES_TO")


class Album(StructuredNode):
    key = StringProperty(unique_index=True)
    tenant_id = StringProperty(index=True)
    album_id = IntegerProperty()
    channel_id = StringProperty(index=True)
    grouped_id = IntegerProperty()
    album_kind = StringProperty()
    items_count = IntegerProperty()
    caption_text = StringProperty()
    posted_at = StringProperty()
    version = IntegerProperty()
    fingerprint = StringProperty()

    posts = RelationshipTo("Post", "CONTAINS", model=Position)


class ImageContent(StructuredNode):
    """A picture; `provider` is there once it was analyzed."""

    key = StringProperty(unique_index=True)
    tenant_id = StringProperty(index=True)
    sha256 = StringProperty(index=True)
    s3_key = StringProperty()
    mime_type = StringProperty()
    source_sha256 = StringProperty()
    classification = StringProperty()
    description = StringProperty()
    is_meme = BooleanProperty()
    provider = StringProperty()
    version = IntegerProperty()
    fingerprint = StringProperty()

    labels_seen = RelationshipTo("Tag", "HAS_LABEL")
    looks_like = RelationshipTo("ImageContent", "LOOKS_LIKE", model=Likeness)


class Article(StructuredNode):
    """
    A page that posts link to; more than its address is known once it was crawled.

    `crawled_at` is when the current version was read first. `leads_to` is where a redirect led.
    """

    key = StringProperty(unique_index=True)
    tenant_id = StringProperty(index=True)
    url = StringProperty()
    leads_to = StringProperty()
    title = StringProperty()
    language = StringProperty()
    s3_html_key = StringProperty()
    content_sha256 = StringProperty()
    crawled_at = StringProperty()
    gone_since = StringProperty()
    version = IntegerProperty()
    fingerprint = StringProperty()


class Tag(StructuredNode):
    key = StringProperty(unique_index=True)
    tenant_id = StringProperty(index=True)
    name = StringProperty()


class Text(StructuredNode):
    """A text that one or more posts say, whatever its punctuation, links and names."""

    key = StringProperty(unique_index=True)
    tenant_id = StringProperty(index=True)


NODES = (Channel, Post, Album, ImageContent, Article, Tag, Text)
