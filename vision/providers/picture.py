"""
What is sent instead of the original: a small upright JPEG without metadata.

GigaChat takes JPEG, PNG, TIFF and BMP up to 15 MB; we keep WebP, HEIC, GIF and AVIF, too. Making
one JPEG of everything costs fewer tokens and seconds, and leaves the place where a photo was taken,
which its metadata tell, at home.
"""

import io
from dataclasses import dataclass

from PIL import Image

from media.imaging import DEFAULT_MAX_PIXELS, ImageRefused, open_upright
from vision.providers.port import ProviderRefused

MIME = "image/jpeg"
FILE_NAME = "picture.jpg"
MAX_BYTES = 15 * 1024 * 1024
"""Of one image (GigaChat's documentation of POST /files, 2026)."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How pictures are made smaller (CONTRACT §2.3); gray ones have no colors to name (C18)."""

    max_dim: int = 1024
    jpeg_quality: int = 75
    grayscale: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS


def prepare(image: bytes, how: Preparation) -> bytes:
    """The JPEG to send. Raises ProviderRefused for what cannot be decoded."""
    try:
        picture = open_upright(image, max_pixels=how.max_pixels, at_least=how.max_dim)
    except ImageRefused as exc:
        raise ProviderRefused(exc.reason, str(exc)) from exc
    if how.grayscale:
        picture = picture.convert("L")
    picture.thumbnail((how.max_dim, how.max_dim), Image.Resampling.LANCZOS, reducing_gap=2.0)
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=how.jpeg_quality)
    if jpeg.tell() > MAX_BYTES:
        raise ProviderRefused("image_too_large", f"{jpeg.tell()} > {MAX_BYTES} B even as JPEG")
    return jpeg.getvalue()
