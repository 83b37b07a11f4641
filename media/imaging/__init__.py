"""Decoding of pictures, and what there is to see in them."""

from media.imaging.decode import (
    DEFAULT_MAX_PIXELS,
    MIMES,
    ImageFacts,
    ImageRefused,
    Refusal,
    jpeg_tables,
    open_on_grounds,
    open_upright,
    probe,
    too_many,
)
from media.imaging.places import analyzed, compared
from media.imaging.visibility import is_blank

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "MIMES",
    "ImageFacts",
    "ImageRefused",
    "Refusal",
    "analyzed",
    "compared",
    "is_blank",
    "jpeg_tables",
    "open_on_grounds",
    "open_upright",
    "probe",
    "too_many",
]
