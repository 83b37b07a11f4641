"""Analysis of one picture with text recognition: free, and limited only by the cores."""

import os
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.functional import cached_property

from media import imaging
from media.models import Post
from storage_quota.object_store import ObjectMissing, get_store
from vision import metrics, providers
from vision.analysis import cache
from vision.analysis.results import MediaResult
from vision.duplicates import detection
from vision.providers.port import Analysis, ProviderRefused

MAX_AT_ONCE = (os.cpu_count() or 1) + 1
"""One more than cores: while one waits for a commit, every core still reads."""
_limit = threading.BoundedSemaphore(MAX_AT_ONCE)


@dataclass(frozen=True)
class StoredImage:
    """A picture in the store, fetched at the first use of `body`; once for all providers."""

    s3_key: str

    @cached_property
    def body(self) -> bytes:
        """Raises ObjectMissing."""
        with get_store().open(self.s3_key) as file:
            return file.read()


def analyze_ocr(
    post: Post, result: MediaResult, image: StoredImage, *, now: datetime
) -> MediaResult:
    """
    Complete `result` with what text recognition reads; reuse the cached text if there is one.

    What `result` says already (why OCR stands in, what was paid) is kept. Raises
    TesseractMissing, and NoPlace where other pictures take the memory.
    """
    ocr = providers.get_ocr()
    key = cache.key_of(post.tenant_id, result.file.sha256, ocr)
    known = cache.read(key)
    if known is not None:
        return replace(result, analysis=known, from_cache=True, cache_key=key)
    try:
        # Before one of the few that read: whoever reads waits for nobody's memory.
        with imaging.analyzed.held(image.body):
            analysis = _recognize(post, result, image.body, now=now)
            detection.remember(tenant=post.tenant, sha256=result.file.sha256, image=image.body)
    except ObjectMissing as missing:
        return replace(result, refusal="s3_missing", details=str(missing))
    except ProviderRefused as refusal:
        return replace(result, refusal=refusal.reason, details=str(refusal))
    is_cached = cache.write(key, analysis, tenant=post.tenant, now=now)
    return replace(
        result,
        analysis=analysis,
        tokens=result.tokens + analysis.tokens_used,
        cache_key=key if is_cached else "",
    )


def _recognize(post: Post, result: MediaResult, image: bytes, *, now: datetime) -> Analysis:
    ocr, tenant = providers.get_ocr(), str(post.tenant_id)
    started = time.monotonic()
    try:
        with _limit:
            analysis = ocr.analyze(image, mime=result.file.mime_type, prompt="", now=now)
    except ProviderRefused:
        metrics.REQUESTS.labels("error", ocr.name, tenant).inc()
        raise
    metrics.REQUESTS.labels("success", ocr.name, tenant).inc()
    metrics.DURATION.labels(ocr.name, str(analysis.ocr is not None).lower()).observe(
        time.monotonic() - started
    )
    return analysis
