"""Who looks at pictures. The OCR provider always exists; it costs nothing but time."""

from functools import lru_cache
from threading import Lock
from typing import Any

from django.conf import settings

from vision.providers.gigachat import GigaChatVision
from vision.providers.gigachat_client import Connection
from vision.providers.ocr import TesseractOcr
from vision.providers.picture import Preparation
from vision.providers.port import VisionProvider

_making = Lock()


@lru_cache(maxsize=1)
def get_ocr() -> VisionProvider:
    vision = settings.VISION
    return TesseractOcr(
        languages=vision.vision_ocr_languages,
        timeout_seconds=vision.vision_ocr_timeout_sec,
        max_pixels=vision.vision_max_pixels,
    )


def get_gigachat() -> GigaChatVision | None:
    """
    None where it is not configured. One per process: its threads share client and token.

    Raises ProviderMisconfigured where the bundle of certificates cannot be read.
    """
    if not settings.GIGACHAT.configured:
        return None
    with _making:  # two threads that come first would make one each
        return _gigachat(settings.GIGACHAT, settings.VISION)


@lru_cache(maxsize=1)
def _gigachat(gigachat: Any, vision: Any) -> GigaChatVision:
    """The arguments are `settings.GIGACHAT` and `settings.VISION`, which cannot change."""
    return GigaChatVision(
        connection=Connection(
            authorization_key=gigachat.authorization_key.get_secret_value(),
            base_url=gigachat.base_url,
            auth_url=gigachat.auth_url,
            scope=gigachat.scope,
            timeout_seconds=gigachat.vision_timeout,
            verify_ssl=gigachat.verify_ssl,
            ca_bundle_file=gigachat.ca_bundle_file,
            max_connections=max(10, 2 * gigachat.concurrent_requests),
        ),
        model=gigachat.model_name,
        max_output_tokens=vision.vision_max_output_tokens,
        preparation=Preparation(
            max_dim=vision.vision_preprocess_max_dim,
            jpeg_quality=vision.vision_preprocess_jpeg_quality,
            grayscale=vision.vision_preprocess_grayscale,
            max_pixels=vision.vision_max_pixels,
        ),
    )
