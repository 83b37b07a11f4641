"""The configured providers: OCR always, GigaChat where it has credentials."""

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from vision.providers.gigachat.client import GigaChatConnection
    from vision.providers.gigachat.provider import GigaChatVision
    from vision.providers.gigachat.text import GigaChatText
    from vision.providers.port import VisionProvider

_construction = Lock()


@lru_cache(maxsize=1)
def get_ocr() -> "VisionProvider":
    """Return the process's OCR provider. Raises TesseractMissing."""
    from vision.providers.ocr.tesseract import TesseractOcr  # noqa: PLC0415 - late

    vision = settings.VISION
    return TesseractOcr(
        languages=vision.vision_ocr_languages,
        timeout_seconds=vision.vision_ocr_timeout_sec,
        max_pixels=vision.vision_max_pixels,
    )


def get_gigachat() -> "GigaChatVision | None":
    """
    Return the process's GigaChat provider, or None where GigaChat is not configured.

    There is one instance per process, so that threads share the HTTP client and the OAuth token.
    Raises ProviderMisconfigured where the bundle of certificates cannot be read.
    """
    if not settings.GIGACHAT.configured:
        return None
    with _construction:  # lru_cache alone lets two threads that come first construct one each
        return _gigachat(settings.GIGACHAT, settings.VISION)


def get_gigachat_text(*, model: str = "", seconds: float) -> "GigaChatText | None":
    """
    Return the process's GigaChat for texts, or None where GigaChat is not configured.

    `model` is by default the one of pictures; a call takes `seconds` at most. Raises
    ProviderMisconfigured as above.
    """
    if not settings.GIGACHAT.configured:
        return None
    with _construction:
        return _gigachat_text(settings.GIGACHAT, model or settings.GIGACHAT.model_name, seconds)


@lru_cache(maxsize=1)
def _gigachat(gigachat: Any, vision: Any) -> "GigaChatVision":
    """Construct the provider from `settings.GIGACHAT` and `settings.VISION`, the cache's keys."""
    from vision.providers.gigachat.preprocess import PreprocessOptions  # noqa: PLC0415 - late
    from vision.providers.gigachat.provider import GigaChatVision  # noqa: PLC0415 - late

    return GigaChatVision(
        connection=_connection(gigachat, seconds=gigachat.vision_timeout),
        model=gigachat.model_name,
        max_output_tokens=vision.vision_max_output_tokens,
        preparation=PreprocessOptions(
            max_dim=vision.vision_preprocess_max_dim,
            jpeg_quality=vision.vision_preprocess_jpeg_quality,
            grayscale=vision.vision_preprocess_grayscale,
            max_pixels=vision.vision_max_pixels,
        ),
    )


@lru_cache(maxsize=2)  # of answers and of tags, where their settings differ
def _gigachat_text(gigachat: Any, model: str, seconds: float) -> "GigaChatText":
    from vision.providers.gigachat.text import GigaChatText  # noqa: PLC0415 - late

    return GigaChatText(connection=_connection(gigachat, seconds=seconds), model=model)


def _connection(gigachat: Any, *, seconds: float) -> "GigaChatConnection":
    from vision.providers.gigachat.client import GigaChatConnection  # noqa: PLC0415 - late

    return GigaChatConnection(
        authorization_key=gigachat.authorization_key.get_secret_value(),
        base_url=gigachat.base_url,
        auth_url=gigachat.auth_url,
        scope=gigachat.scope,
        timeout_seconds=seconds,
        verify_ssl=gigachat.verify_ssl,
        ca_bundle_file=gigachat.ca_bundle_file,
        max_connections=max(10, 2 * gigachat.concurrent_requests),
    )
