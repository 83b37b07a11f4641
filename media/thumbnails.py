"""Small pictures of media objects for the console, or a neutral icon of their kind."""

import io
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from media import stored_bytes
from media.imaging import ImageRefused, open_upright
from media.models import MediaObject, MediaRole, PostMedia
from storage_quota import links

SIDE: Final = 160
"""Longest side of a thumbnail, in pixels."""
MAX_PIXELS: Final = 50_000_000
JPEG_QUALITY: Final = 80

_decoding = BoundedSemaphore(2)
"""A page asks for a hundred thumbnails at once; a decoded picture may take 150 MB."""

_SHAPES: Final = {
    "image": '<path d="M8 48l16-20 12 14 8-9 12 15z"/><circle cx="44" cy="20" r="5"/>',
    "video": '<path d="M24 18l22 14-22 14z"/>',
    "audio": '<path d="M26 14h18v6H31v22a7 6 0 1 1-5-6z"/>',
    "document": '<path d="M18 8h20l10 10v38H18zM24 26h18M24 34h18M24 42h12" fill="none"'
    ' stroke="#8a94a0" stroke-width="3"/>',
    "missing": '<path d="M20 20l24 24M44 20L20 44" stroke="#b3261e" stroke-width="4"/>',
}


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture; `is_icon` where it shows nothing of the object itself."""

    body: bytes
    mime: str
    is_icon: bool = False


def thumbnail(media: MediaObject, *, now: datetime) -> Thumbnail:
    """
    Shrink the picture or the still of a recording; without either, return an icon of the kind.

    Raises ObjectMissing, StoreUnavailable.
    """
    source = media if media.mime.startswith("image/") else _still(media)
    if source is None:
        return icon(media.mime.partition("/")[0])
    content = stored_bytes.whole(source.s3_key)
    links.note_read([media.s3_key, source.s3_key], now=now)
    try:
        return Thumbnail(shrink(content), "image/jpeg")
    except ImageRefused:
        return icon("image")


def shrink(image: bytes) -> bytes:
    """A JPEG of at most SIDE × SIDE without any metadata. Raises ImageRefused."""
    with _decoding:
        picture = open_upright(image, max_pixels=MAX_PIXELS)
        picture.thumbnail((SIDE, SIDE))
    small = io.BytesIO()
    picture.save(small, "JPEG", quality=JPEG_QUALITY)
    return small.getvalue()


def icon(kind: str) -> Thumbnail:
    """`kind` is image, video, audio or missing; anything else is a document."""
    return Thumbnail(_svg(_SHAPES.get(kind, _SHAPES["document"])), "image/svg+xml", is_icon=True)


def _svg(shape: str) -> bytes:
    svg: SafeString = format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-11 0 86 64" width="160" height="120">'
        '<rect x="-10" y="1" width="84" height="62" rx="6" fill="#eef1f4" stroke="#c5ccd3"/>'
        '<g fill="#8a94a0">{}</g></svg>',
        SafeString(shape),
    )
    return svg.encode()


def _still(media: MediaObject) -> MediaObject | None:
    """The thumbnail that Telegram sent along with this recording or document, in any post."""
    stills = PostMedia.objects.filter(
        role=MediaRole.THUMBNAIL,
        post__post_media__media_object=media,
        post__post_media__role=MediaRole.PRIMARY,
        media_object__mime__startswith="image/",
    )
    found = stills.select_related("media_object").first()
    return found.media_object if found else None
