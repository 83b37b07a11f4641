"""What a file really is, told from its bytes; its name and its sender are not asked."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import filetype
import pillow_heif
from PIL import Image, UnidentifiedImageError
from pymediainfo import MediaInfo

HEAD_BYTES = 8192
UNKNOWN = "application/octet-stream"
_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""

pillow_heif.register_heif_opener()


@dataclass(frozen=True, slots=True)
class Facts:
    """Sizes in pixels as a person sees them, duration in seconds; None where unknown."""

    mime: str
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None


def probe(file: BinaryIO) -> Facts:
    """Read headers only. A broken file still has a type, just no size."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    mime = sniff(head)
    if mime.startswith("image/") or mime == UNKNOWN:
        return _picture(file, mime)
    if mime.startswith(("video/", "audio/")):
        return _recording(file, mime)
    return Facts(mime)


def sniff(head: bytes) -> str:
    mime: str | None = filetype.guess_mime(head)
    if mime is not None:
        return _STANDARD_NAMES.get(mime, mime)
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
        if error.start < len(head) - 4:  # more than a letter cut off at the end
            return False
        text = head[: error.start].decode()
    return bool(text) and all(c.isprintable() or c in "\r\n\t\f" for c in text)


def _picture(file: BinaryIO, mime: str) -> Facts:
    file.seek(0)
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
            width, height = image.size
            if mime == UNKNOWN:
                mime = Image.MIME.get(image.format or "", UNKNOWN)
            if image.getexif().get(_ORIENTATION) in _LYING:
                width, height = height, width
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return Facts(mime)
    return Facts(mime, width, height)


def _recording(file: BinaryIO, mime: str) -> Facts:
    file.seek(0)
    tracks = MediaInfo.parse(file).tracks
    duration = next((float(t.duration) for t in tracks if t.duration), None)
    video = next((t for t in tracks if t.track_type == "Video" and t.width and t.height), None)
    seconds = duration / 1000 if duration is not None else None
    if video is None:
        return Facts(_as_audio(mime, tracks), duration_seconds=seconds)
    width, height = int(video.width), int(video.height)
    if float(video.rotation or 0) % 180 == 90:  # noqa: PLR2004 - degrees
        width, height = height, width
    return Facts(mime, width, height, seconds)


def _as_audio(mime: str, tracks: Sequence[object]) -> str:
    """MP4 and WebM without a picture are sound."""
    sound = any(getattr(track, "track_type", "") == "Audio" for track in tracks)
    return mime.replace("video/", "audio/", 1) if sound else mime
