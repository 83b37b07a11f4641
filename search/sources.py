"""What the rooms below know of posts, read for the index by a constant number of queries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.functional import cached_property

from albums.models import MediaGroupItem
from crawl import selectors as crawl
from media.models import MediaRole, Post, PostMedia
from search.documents import Document, Sources, document_of, tags_in
from search.query_terms import CATEGORY
from vision.models import EnrichmentKind, PostEnrichment
from vision.tagging.lookup import NO_TAGS, GivenTags, given_to

_COLUMNS = (
    "tenant_id", "channel_id", "content", "other_words", "picture_words", "posted_at", "urls",
    "has_media", "media_kind", "post_author", "is_forward", "grouped_id", "is_edited",
    "reply_to_message_id", "extra", "revision", "telegram_message_id", "created_at",
)  # fmt: skip


_IN_EXTRA = {
    "poll": ("poll",),
    "location": ("location", "place"),
    "contact": ("contact",),
    "game": ("game",),
    "button": ("buttons",),
}
"""What `has:` asks for, by where `Post.extra` has it."""


@dataclass(frozen=True)
class IndexedPost:
    """A post with everything that its document is made of."""

    post: Post
    enrichment: PostEnrichment | None
    album: MediaGroupItem | None
    file_text: str = ""
    article_text: str = ""
    given: GivenTags = NO_TAGS

    @cached_property
    def document(self) -> Document:
        seen = self.enrichment
        return document_of(
            Sources(
                text=self.post.content,
                other_words=self.post.other_words,
                picture_words=self.post.picture_words,
                description=seen.described if seen else "",
                labels=self._classification.get("tags") or [],
                ocr_text=seen.vision_ocr_text if seen else "",
                file_text=self.file_text,
                article_text=self.article_text,
                album_caption=self._caption,
                tags=self.given.names,
                removed_tags=self.given.removed,
            )
        )

    @property
    def _caption(self) -> str:
        return self.album.group.caption_text if self.album else ""

    @property
    def album_id(self) -> int | None:
        return self.album.group_id if self.album else None

    @property
    def classification(self) -> str:
        return str(self._classification.get("type") or "")

    @property
    def is_meme(self) -> bool:
        return bool(self.enrichment and self.enrichment.vision_is_meme)

    @property
    def has(self) -> list[str]:
        """What the post has, as it is asked for: text, link, …, the kind of its file, and of its tags."""
        post, seen = self.post, self.enrichment
        picture_text = bool(seen and seen.vision_ocr_text.strip())
        found = {
            "text": bool(post.content.strip()) or picture_text or bool(self.file_text),
            "link": bool(post.urls),
            "media": post.has_media,
            "forward": post.is_forward,
            "album": self.album is not None,
            "hashtag": bool(tags_in(f"{post.content}\n{self._caption}")),
            "edited": post.is_edited,
            "reply": post.reply_to_message_id is not None,
            post.media_kind: bool(post.media_kind),
            **{name: any(map(post.extra.get, keys)) for name, keys in _IN_EXTRA.items()},
            **{f"{CATEGORY}{category}": True for category in self.given.categories},
        }
        return sorted(name for name, true in found.items() if true and name)

    @property
    def versions(self) -> tuple[object, ...]:
        """What changes with each change of post, analysis, album and tags, also with one that is undone."""
        album, seen = self.album, self.enrichment
        return (
            self.post.revision,
            seen.vision_analyzed_at if seen else None,
            (album.group_id, album.group.revision) if album else None,
            *((self.given.revision,) if self.given.revision else ()),
        )

    @property
    def _classification(self) -> dict[str, Any]:
        return (self.enrichment.vision_classification if self.enrichment else None) or {}


def read(post_ids: Sequence[UUID], *, with_data: bool = False) -> Iterator[IndexedPost]:
    """
    Read those of the posts that exist, in no particular order.

    `with_data` also reads `PostEnrichment.data`, which only payloads need.
    """
    posts = Post.objects.filter(pk__in=post_ids).only(*_COLUMNS)
    analyzed = PostEnrichment.objects.filter(post__in=post_ids, kind=EnrichmentKind.VISION).only(
        "post_id",
        "vision_description",
        "vision_provider",
        "vision_ocr_text",
        "vision_classification",
        "vision_is_meme",
        "vision_analyzed_at",
        *(("data",) if with_data else ()),
    )
    enrichments = {row.post_id: row for row in analyzed}
    items = MediaGroupItem.objects.filter(post__in=post_ids).select_related("group")
    albums = {item.post_id: item for item in items}
    files, articles, given = files_of(post_ids), articles_of(post_ids), given_to(post_ids)
    for post in posts:
        # A post that has left its album may be read before the album is collected again.
        album = albums.get(post.pk) if post.grouped_id is not None else None
        yield IndexedPost(
            post,
            enrichments.get(post.pk),
            album,
            files.get(post.pk, ""),
            articles.get(post.pk, ""),
            given[post.pk],
        )


def articles_of(post_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Titles and texts of the pages that these posts point to, in the order of their links."""
    found: dict[UUID, list[str]] = {}
    for post_id, title, text in crawl.texts_of(post_ids):
        found.setdefault(post_id, []).extend(filter(None, (title, text)))
    return {post_id: "\n".join(texts) for post_id, texts in found.items()}


def files_of(post_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The texts of the documents that these posts show now, in their order."""
    parts = (
        PostMedia.objects.filter(post__in=post_ids, media_object__document_text__chars__gt=0)
        .exclude(role=MediaRole.THUMBNAIL)
        .order_by("post", "position", "media_object__document_text__parts__position")
        .values_list("post", "media_object__document_text__parts__text")
    )
    found: dict[UUID, list[str]] = {}
    for post_id, text in parts:
        found.setdefault(post_id, []).append(text)
    return {post_id: "\n".join(texts) for post_id, texts in found.items()}
