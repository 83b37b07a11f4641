"""Look at one picture with text recognition: free, and only as many at once as cores can."""

import os
import threading
import time
from datetime import datetime

from media.models import Post
from storage_quota.object_store import ObjectMissing, get_store
from vision import metrics, providers
from vision.analysis import cache
from vision.analysis.results import Look
from vision.providers.port import Analysis, ProviderRefused

TURNS = (os.cpu_count() or 1) + 1
"""One more than cores: while one waits for a commit, every core still reads."""
_turns = threading.BoundedSemaphore(TURNS)


def read(post: Post, look: Look, *, image: bytes | None = None, now: datetime) -> None:
    """Fill in the look; the result is remembered in the bucket. Raises TesseractMissing."""
    ocr = providers.get_ocr()
    key = cache.key_of(post.tenant_id, look.file.sha256, ocr)
    look.analysis = cache.read(key)
    look.from_cache = look.analysis is not None
    if look.analysis is None:
        look.analysis = _recognize(post, look, image, now=now)
        look.tokens += look.analysis.tokens_used if look.analysis else 0
    if look.from_cache or (
        look.analysis and cache.write(key, look.analysis, tenant=post.tenant, now=now)
    ):
        look.cache_key = key


def fetch(look: Look) -> bytes | None:
    """The bytes of the picture; None, with the reason in the look, where they are gone."""
    try:
        with get_store().open(look.file.s3_key) as file:
            return file.read()
    except ObjectMissing as missing:
        look.refusal, look.details = "s3_missing", str(missing)
        return None


def _recognize(post: Post, look: Look, image: bytes | None, *, now: datetime) -> Analysis | None:
    image = image if image is not None else fetch(look)
    if image is None:
        return None
    ocr, tenant = providers.get_ocr(), str(post.tenant_id)
    started = time.monotonic()
    try:
        with _turns:
            analysis = ocr.analyze(image, mime=look.file.mime_type, prompt="", now=now)
    except ProviderRefused as refusal:
        look.refusal, look.details = refusal.reason, str(refusal)
        metrics.REQUESTS.labels("error", ocr.name, tenant).inc()
        return None
    metrics.REQUESTS.labels("success", ocr.name, tenant).inc()
    metrics.DURATION.labels(ocr.name, str(analysis.ocr is not None).lower()).observe(
        time.monotonic() - started
    )
    return analysis
