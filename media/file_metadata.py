"""Type, dimensions and duration of a file, read from its bytes: names and senders may be wrong."""

import math
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import filetype
import pillow_heif
from PIL import Image, UnidentifiedImageError
from pymediainfo import MediaInfo

from media import imaging
from media.picture_structure import CHECKED_MIMES, PictureDefect, find_damage, has_jpeg_end
from media.plain_jpeg import read_plain_jpeg

HEAD_BYTES = 8192
MAX_SIDE = 1_000_000
"""Pixels; a header that claims more is wrong."""
_KINDS = ("image", "video", "audio", "text", "application")
"""What `media_object_mime_known` lets in; any other type is UNKNOWN."""
UNKNOWN = "application/octet-stream"
_DECODABLE = imaging.MIMES | CHECKED_MIMES
"""Formats that the archive can look at: in these an unreadable header is a defect."""
_JPEG, _FEW_PIXELS = "image/jpeg", 50_000_000
"""Far from what Pillow takes for a decompression bomb."""
_ORIENTATION = 0x0112
_SWAPPED = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""

pillow_heif.register_heif_opener()


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """
    Sizes in pixels as a person sees them, duration in seconds; None where unknown.

    `defect`: why nobody will be able to look at the picture, as far as its structure shows.
    """

    mime: str
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    defect: PictureDefect | None = None
    defect_detail: str = ""


def read_metadata(file: BinaryIO, *, max_pixels: int = imaging.DEFAULT_MAX_PIXELS) -> FileMetadata:
    """Read the headers, and the structure of pictures; nothing is decoded. Broken files have a type, too."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    mime = detect_mime(head)
    if mime == _JPEG and (plain := _plain_jpeg(file, head, max_pixels)):
        return plain
    if mime.startswith("image/") or mime == UNKNOWN:
        return _picture(file, mime, max_pixels)
    if mime.startswith(("video/", "audio/")):
        return _recording(file, mime)
    return FileMetadata(mime)


def detect_mime(head: bytes) -> str:
    """The MIME type of a file that begins with `head`; UNKNOWN where nothing matches."""
    mime: str | None = filetype.guess_mime(head)
    if mime is not None:
        mime = _STANDARD_NAMES.get(mime, mime)
        return mime if mime.partition("/")[0] in _KINDS else UNKNOWN
    return "text/plain" if _is_text(head) else UNKNOWN


_STANDARD_NAMES = {
    "image/apng": "image/png",
    "image/x-icon": "image/vnd.microsoft.icon",
    "application/x-gzip": "application/gzip",
}


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # more than a character cut off at the end
            return False
        text = head[: error.start].decode()
    return bool(text) and all(c.isprintable() or c in "\r\n\t\f" for c in text)


def _picture(file: BinaryIO, mime: str, max_pixels: int) -> FileMetadata:
    try:
        found = _header(file, mime)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        detail = imaging.too_many(error, max_pixels)
        return FileMetadata(mime, defect=PictureDefect.TOO_MANY_PIXELS, defect_detail=detail)
    except _BROKEN:
        if mime not in _DECODABLE:
            return FileMetadata(mime)
        detail = find_damage(file, mime) or "the header cannot be read"
        return FileMetadata(mime, defect=PictureDefect.BROKEN_IMAGE, defect_detail=detail)
    pixels = (found.width or 0) * (found.height or 0)
    if pixels > max_pixels:
        detail = f"{found.width} × {found.height} pixels, and the limit is {max_pixels}"
        return replace(found, defect=PictureDefect.TOO_MANY_PIXELS, defect_detail=detail)
    if detail := find_damage(file, found.mime):
        return replace(found, defect=PictureDefect.BROKEN_IMAGE, defect_detail=detail)
    return found


def _plain_jpeg(file: BinaryIO, head: bytes, max_pixels: int) -> FileMetadata | None:
    """The metadata of a whole JPEG without surprises; None for all others."""
    found = read_plain_jpeg(head)
    if found is None or found.width * found.height > min(max_pixels, _FEW_PIXELS):
        return None
    if not has_jpeg_end(file, after=found.scan_at):
        return None
    return FileMetadata(_JPEG, found.width, found.height)


def _header(file: BinaryIO, mime: str) -> FileMetadata:
    file.seek(0)
    with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
        width, height = image.size
        if mime == UNKNOWN:
            mime = Image.MIME.get(image.format or "", UNKNOWN)
            mime = mime if mime.partition("/")[0] in _KINDS else UNKNOWN
        if _is_sideways(image):
            width, height = height, width
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(f"{width} × {height} pixels")
    return FileMetadata(mime, width, height)


def _is_sideways(image: Image.Image) -> bool:
    if image.format == "PNG" and "exif" not in image.info:
        return False  # Pillow would decode it all to search for metadata behind the pixels
    if image.format == "TIFF":
        return False  # its size is that of the upright picture already
    try:
        return image.getexif().get(_ORIENTATION) in _SWAPPED
    except _BROKEN:
        return False  # such a picture is shown as it is


_BROKEN = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    ZeroDivisionError,
    EOFError,
    struct.error,
    zlib.error,
    AssertionError,
    RuntimeError,
    MemoryError,
)
"""What Pillow's plugins raise on crafted headers."""


def _recording(file: BinaryIO, mime: str) -> FileMetadata:
    file.seek(0)
    try:
        return _measured(MediaInfo.parse(file).tracks, mime)
    except (OSError, RuntimeError, ValueError, TypeError, OverflowError, SyntaxError):
        # SyntaxError: MediaInfo answers in XML, which has no place for U+FFFF, and a title may have it.
        return FileMetadata(mime)


def _measured(tracks: Sequence[Any], mime: str) -> FileMetadata:
    duration = next((float(t.duration) for t in tracks if t.duration), None)
    seconds = duration / 1000 if duration is not None and math.isfinite(duration) else None
    video = next((t for t in tracks if t.track_type == "Video" and t.width and t.height), None)
    if video is None:
        return FileMetadata(_as_audio(mime, tracks), duration_seconds=seconds)
    width, height = int(video.width), int(video.height)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return FileMetadata(mime, duration_seconds=seconds)
    if float(video.rotation or 0) % 180 == 90:  # noqa: PLR2004 - degrees
        width, height = height, width
    return FileMetadata(mime, width, height, seconds)


def _as_audio(mime: str, tracks: Sequence[object]) -> str:
    """MP4 and WebM with sound and without a picture are audio."""
    sound = any(getattr(track, "track_type", "") == "Audio" for track in tracks)
    return mime.replace("video/", "audio/", 1) if sound else mime
