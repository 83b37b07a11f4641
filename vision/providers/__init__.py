"""Who looks at pictures. The OCR provider always exists; it costs nothing but time."""

from functools import lru_cache

from django.conf import settings

from vision.providers.ocr import TesseractOcr
from vision.providers.port import VisionProvider


@lru_cache(maxsize=1)
def get_ocr() -> VisionProvider:
    vision = settings.VISION
    return TesseractOcr(
        languages=vision.vision_ocr_languages,
        timeout_seconds=vision.vision_ocr_timeout_sec,
        max_pixels=vision.vision_max_pixels,
    )
