"""
Decode pictures. Nothing else in the system does, since every picture may be hostile.

The header is checked first (a closed list of formats, the number of pixels), then the pixels.
"""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pillow_heif
from PIL import ExifTags, Image, UnidentifiedImageError

from events.errors import DomainError
from events.sentences import Sentence, gettext_noop
from media.imaging import gif, jpeg_scans, transparency
from media.imaging.frames import fullest_frame

DEFAULT_MAX_PIXELS = 50_000_000
"""A 48-megapixel phone camera passes; decoded to RGB that is 150 MB at most."""
TOO_MANY = Sentence(gettext_noop("%(pixels)s pixels, and the limit is %(limit)s"))
SCANS = Sentence(gettext_noop("a JPEG of more than %(most)s scans"))
GUARD_PIXELS = 89_478_485
"""Of Pillow's own guard, which stays: what it only warns of is refused, so no limit is higher."""

Refusal = Literal["too_many_pixels", "broken_image", "empty_image", "unsupported_format"]

_MIME_OF_FORMAT = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a JPEG with further pictures behind it: phones with two lenses
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "JPEG2000": "image/jp2",
    "HEIF": "image/heic",
    "AVIF": "image/avif",
}
MIMES = frozenset(_MIME_OF_FORMAT.values())
_FORMATS = tuple(_MIME_OF_FORMAT.keys() - {"MPO"})  # an MPO is opened as the JPEG it begins with
_JPEGS = {"JPEG", "MPO"}
_ANIMATED_FORMATS = {
    "GIF",
    "WEBP",
    "PNG",
    "AVIF",
}  # in TIFF, MPO and HEIF the first picture is the main one
_BROKEN = (
    OSError,
    EOFError,
    SyntaxError,  # Pillow's word for a malformed PNG, GIF or TIFF
    AssertionError,  # a PNG with a palette that is missing
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
    UserWarning,  # Pillow warns of corrupt metadata: an exception where warnings are errors
)
"""What Pillow's decoders raise on malformed files (seen when fuzzing the formats above)."""

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {5, 6, 7, 8}

pillow_heif.register_heif_opener(thumbnails=False)  # type: ignore[no-untyped-call,unused-ignore]
# Warnings of corrupt metadata would only fill the log: metadata are not used.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.simplefilter("error", Image.DecompressionBombWarning)
# Blocks of more than 32 MiB are the system's again once a picture is forgotten. Of smaller ones, as
# Pillow's own are, the C library keeps for each thread as many as its largest picture took.
Image.core.set_block_size(64 * 1024**2)  # type: ignore[attr-defined,unused-ignore]


class ImageRefused(DomainError):
    """These bytes cannot be decoded as a picture; another attempt is of no use."""

    code: ClassVar[str] = "image_refused"
    http_status: ClassVar[int] = 422

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason

    def context(self) -> dict[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Facts from the header. Width and height are those of the upright picture."""

    mime: str
    width: int
    height: int
    frames: int


def probe(image: bytes) -> ImageFacts:
    """Read the header only: no pixel is decoded. Raises ImageRefused."""
    with _opened(image, GUARD_PIXELS) as picture:
        width, height = picture.size
        if _orientation(picture) in _SIDEWAYS:
            width, height = height, width
        frames = int(getattr(picture, "n_frames", 1))
        return ImageFacts(_MIME_OF_FORMAT[picture.format or ""], width, height, frames)


def pixels_of(image: bytes) -> int:
    """
    How many pixels are decoded at once, from the header; 0 where it cannot be read.

    A GIF is as large as its frames make it, whatever its header says.
    """
    try:
        with _opened(image, GUARD_PIXELS) as picture:
            width, height = picture.size
            if picture.format == "GIF":
                return gif.extent(image, at_least=(width, height))
            return width * height
    except ImageRefused:
        return 0


def open_upright(
    image: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS, at_least: int | None = None
) -> Image.Image:
    """
    Decode a picture as a person sees it: upright, not transparent, in mode L or RGB.

    A transparent picture lies on the ground that shows most of it. An animation gives the frame
    with most to see, of those that `max_pixels` suffices for (`media.imaging.frames`).
    `max_pixels` is at most GUARD_PIXELS. A caller who makes
    the picture smaller passes the length of its longest side as `at_least`: a JPEG is then
    decoded at a half, a quarter or an eighth, which is several times cheaper. Raises ImageRefused.
    """
    with _decoded(image, max_pixels, at_least) as (picture, turn):
        return _turned(_plain(picture), turn)


def open_on_grounds(image: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Iterator[Image.Image]:
    """
    Decode a picture for reading: as `open_upright`, but on white or dark gray, or both in turn.

    Only a transparent picture with light and dark parts is yielded twice. Raises ImageRefused at
    the first one.
    """
    with _decoded(image, max_pixels) as (picture, turn):
        if not _is_transparent(picture):
            yield _turned(_plain(picture), turn)
            return
        for laid in transparency.on_readable_grounds(picture):
            yield _turned(laid, turn)


@contextmanager
def _decoded(
    image: bytes, max_pixels: int, at_least: int | None = None
) -> Iterator[tuple[Image.Image, Image.Transpose | None]]:
    """Decode the pixels, of an animation those of one frame; with the turn still to be made."""
    with _opened(image, max_pixels) as picture:
        _check_pixels(picture, max_pixels)
        if picture.format in _JPEGS and jpeg_scans.has_too_many(image):
            raise ImageRefused("broken_image", SCANS % {"most": jpeg_scans.MAX_SCANS})
        turn = _TRANSPOSITIONS.get(_orientation(picture))
        if picture.format in _ANIMATED_FORMATS and getattr(picture, "is_animated", False):
            yield fullest_frame(picture, max_pixels=max_pixels), turn
            return
        if at_least is not None:
            _decode_smaller(picture, at_least)
        picture.load()
        yield picture, turn


def _turned(picture: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    return picture if turn is None else picture.transpose(turn)


@contextmanager
def _opened(image: bytes, max_pixels: int) -> Iterator[Image.Image]:
    if not image:
        raise ImageRefused("empty_image")
    try:
        with Image.open(io.BytesIO(image), formats=_FORMATS) as picture:
            yield picture
    except UnidentifiedImageError as exc:
        raise ImageRefused("unsupported_format") from exc
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise ImageRefused("too_many_pixels", too_many(exc, max_pixels)) from exc
    except _BROKEN as exc:
        raise ImageRefused("broken_image", str(exc)) from exc


def too_many(bomb: Exception, max_pixels: int) -> str:
    """Say how many pixels there are and what the limit is: Pillow names its own, which is not ours."""
    found = re.search(r"\((\d+) pixels\)", str(bomb))
    return TOO_MANY % {"pixels": found[1], "limit": max_pixels} if found else str(bomb)


def _check_pixels(picture: Image.Image, max_pixels: int) -> None:
    pixels = picture.width * picture.height
    if pixels > max_pixels:
        raise ImageRefused("too_many_pixels", TOO_MANY % {"pixels": pixels, "limit": max_pixels})


def _decode_smaller(picture: Image.Image, at_least: int) -> None:
    """Ask the decoder for a smaller picture; formats that cannot do that ignore it."""
    width, height = picture.size
    share = at_least / max(width, height)
    if share < 1:
        picture.draft(None, (max(1, int(width * share)), max(1, int(height * share))))


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation that is still to be applied, 1 where there is none or it is broken."""
    if picture.format in {"TIFF", "HEIF"}:
        return 1  # their decoders turn the picture themselves
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1  # Pillow would decode it all to search for metadata behind the pixels
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except _BROKEN:
        return 1


def _is_transparent(picture: Image.Image) -> bool:
    return picture.has_transparency_data and not _is_wide(picture)


def _is_wide(picture: Image.Image) -> bool:
    """Whether a gray has more than eight bits."""
    return picture.mode.startswith("I") or picture.mode == "F"


def _plain(picture: Image.Image) -> Image.Image:
    if _is_wide(picture):
        return _to_eight_bits(picture)
    if picture.has_transparency_data:
        return transparency.without_transparency(picture)
    mode = "L" if picture.mode in {"1", "L"} else "RGB"
    # A conversion to the same mode would copy all of it.
    return picture if picture.mode == mode else picture.convert(mode)


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """Scale, not clip: integers by the bit depth they use (10, 12, 16 …), floats by their range."""
    wide = picture.convert("F")
    low, high = (float(value) for value in wide.getextrema())  # type: ignore[arg-type]
    if picture.mode != "F" and low >= 0:
        low, high = 0.0, float(2 ** max(8, int(high).bit_length()) - 1)
    scale = 255.0 / (high - low) if high > low else 0.0
    return wide.point(lambda value: value * scale - low * scale).convert("L")


def jpeg_tables(image: bytes) -> list[list[int]]:
    """Quantization tables of a JPEG, from its header; empty for other formats."""
    with _opened(image, GUARD_PIXELS) as picture:
        tables: dict[int, list[int]] = getattr(picture, "quantization", {})
        return [tables[number] for number in sorted(tables)]
