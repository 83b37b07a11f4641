"""The texts in which words of a hit may stand, each by itself: its own, captions, those of its pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from albums.models import MediaGroupItem
from media.models import MediaRole, Post, PostMedia
from media.posts.searched_text import text_parts
from vision.models import EnrichmentKind, PostEnrichment, VisionProviderName

_VISIBLE_ROLES = (MediaRole.PRIMARY, MediaRole.ATTACHMENT)
_OWN = "text"


class Field(StrEnum):
    """Where a text stands: in the post, its album, its pictures, or in files, buttons and places."""

    TEXT = "text"
    CAPTION = "caption"
    PICTURE_TEXT = "picture_text"
    DESCRIPTION = "description"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored file that a post shows; `number` is its place among those of the post, from 1."""

    media_id: UUID
    sha256: str
    number: int


@dataclass(frozen=True, slots=True)
class HitText:
    """A text of a post; `picture` where it was read or seen in one of several that are known."""

    field: Field
    text: str
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the posts of a page, by post."""

    pictures: Mapping[UUID, Sequence[Picture]]
    analyses: Mapping[UUID, PostEnrichment]
    items: Mapping[UUID, MediaGroupItem]


def read(post_ids: Sequence[UUID]) -> Known:
    """Read it by a constant number of queries."""
    analyses = PostEnrichment.objects.filter(post__in=post_ids, kind=EnrichmentKind.VISION).only(
        "post_id", "data", "vision_ocr_text", "vision_description", "vision_provider"
    )
    items = MediaGroupItem.objects.filter(post__in=post_ids, post__grouped_id__isnull=False)
    return Known(
        _pictures(post_ids),
        {row.post_id: row for row in analyses},
        {item.post_id: item for item in items.select_related("group")},
    )


def texts_of(post: Post, known: Known) -> list[HitText]:
    """The texts of a post in the order in which they are shown; empty ones are left out."""
    found = [*_own(post, known.items.get(post.pk)), *_seen(post, known), *_others(post)]
    return [one for one in found if one.text.strip()]


def _own(post: Post, item: MediaGroupItem | None) -> Iterator[HitText]:
    yield HitText(Field.TEXT, post.content)
    if item and item.group.caption_text != post.content:
        yield HitText(Field.CAPTION, item.group.caption_text)


def _seen(post: Post, known: Known) -> Iterator[HitText]:
    row = known.analyses.get(post.pk)
    if row is None:
        return
    analyses = row.data.get("analyses") if isinstance(row.data, dict) else None
    analyzed = analyses if isinstance(analyses, dict) else {}
    pictures = [one for one in known.pictures.get(post.pk, ()) if one.sha256 in analyzed]
    for picture in pictures:
        yield from _of_picture(analyzed[picture.sha256], picture)
    if not pictures:  # analyzed before each picture's analysis was kept, or other pictures were
        yield HitText(Field.PICTURE_TEXT, row.vision_ocr_text)
        yield HitText(Field.DESCRIPTION, row.described)


def _of_picture(analysis: Mapping[str, Any], picture: Picture) -> Iterator[HitText]:
    read = (analysis.get("ocr") or {}).get("text") or ""
    yield HitText(Field.PICTURE_TEXT, read, picture)
    if analysis.get("provider") != VisionProviderName.OCR_FALLBACK:  # whose description is the text
        parts = [analysis.get("description"), ", ".join(analysis.get("labels") or ())]
        yield HitText(Field.DESCRIPTION, "; ".join(filter(None, parts)), picture)


def _others(post: Post) -> Iterator[HitText]:
    parts = [part.text for part in text_parts(post) if part.kind != _OWN]
    yield HitText(Field.OTHER, "; ".join(parts))


def _pictures(post_ids: Sequence[UUID]) -> dict[UUID, list[Picture]]:
    rows = PostMedia.objects.filter(post__in=post_ids, role__in=_VISIBLE_ROLES)
    columns = ("post_id", "media_object_id", "media_object__file_sha256")
    found: dict[UUID, list[Picture]] = {}
    for post_id, media_id, sha256 in rows.order_by("position").values_list(*columns):
        pictures = found.setdefault(post_id, [])
        pictures.append(Picture(media_id, sha256, len(pictures) + 1))
    return found
