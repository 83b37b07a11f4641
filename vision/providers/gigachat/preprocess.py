"""
Converts a picture to what is uploaded: a small upright JPEG without metadata.

GigaChat takes JPEG, PNG, TIFF and BMP up to 15 MB; the archive also holds WebP, HEIC, GIF and AVIF.
A small JPEG costs fewer tokens and seconds than the original, and dropping the metadata keeps the
place where a photo was taken from the provider.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from media.imaging import DEFAULT_MAX_PIXELS, ImageRefused, is_blank, open_upright
from vision.providers.port import ProviderRefused

MIME = "image/jpeg"
FILE_NAME = "picture.jpg"
BLANK = "blank_picture"
MAX_BYTES = 15 * 1024 * 1024
"""Limit for one image (GigaChat's documentation of POST /files, 2026)."""


@dataclass(frozen=True, slots=True)
class PreprocessOptions:
    """How pictures are made smaller (CONTRACT §2.3); in gray the answer has no colors (C18)."""

    max_dim: int = 1024
    jpeg_quality: int = 75
    grayscale: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS


def prepare(
    image: bytes, options: PreprocessOptions, *, decode: Callable[[], Image.Image] | None = None
) -> bytes:
    """
    Return the JPEG to upload; `decode` returns the whole picture, which stays as it is.

    Raises ProviderRefused for what cannot be decoded, and for what shows nothing: an answer about
    a blank sheet would cost as much as one about a picture.
    """
    try:
        picture = decode() if decode else _decoded(image, options)
    except ImageRefused as exc:
        raise ProviderRefused(exc.reason, str(exc)) from exc
    if options.grayscale:
        picture = picture.convert("L")
    picture = _fitted(picture, options.max_dim)
    if is_blank(picture):
        raise ProviderRefused(BLANK, "the picture has one color and shows nothing")
    jpeg = io.BytesIO()
    # The comment of a JPEG would be handed on otherwise: metadata, as all the others.
    picture.save(jpeg, "JPEG", quality=options.jpeg_quality, comment=b"")
    if jpeg.tell() > MAX_BYTES:
        raise ProviderRefused("image_too_large", f"{jpeg.tell()} > {MAX_BYTES} B even as JPEG")
    return jpeg.getvalue()


def _decoded(image: bytes, options: PreprocessOptions) -> Image.Image:
    return open_upright(image, max_pixels=options.max_pixels, at_least=options.max_dim)


def _fitted(picture: Image.Image, most: int) -> Image.Image:
    """The picture with sides of at most so many pixels, in its proportion; never enlarged."""
    longest = max(picture.size)
    if longest <= most:
        return picture
    width, height = (max(1, round(side * most / longest)) for side in picture.size)
    # Hamming: letters stay as sharp as with Lanczos, which takes three times as long. The gap lets
    # a large picture be averaged down to twice the size first.
    return picture.resize((width, height), Image.Resampling.HAMMING, reducing_gap=2.0)
