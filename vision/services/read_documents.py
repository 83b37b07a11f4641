"""Read the documents of a post: claim each content, read it once for all posts, settle."""

import shutil
import tempfile
import time
from datetime import datetime
from pathlib import Path
from uuid import UUID

from events.logs.log_context import about
from events.sentences import gettext_noop
from media.models import MediaObject, Post
from storage_quota.object_store import ObjectMissing, get_store
from vision import metrics
from vision.analysis import document_enrichment
from vision.documents import claims, process, scans
from vision.documents.findings import Refusal
from vision.documents.limits import Limits
from vision.documents.result import DocumentResult, refused, result_of
from vision.documents.settings import limits

COPIED_BYTES = 1024**2


def read_documents(post_id: UUID, *, tenant_id: UUID, now: datetime) -> str:
    """
    Read what the post shows now. Idempotent: what is read already is left alone.

    Raises RetryLater where another worker reads a document, the store is away, or Tesseract is
    missing; a document that cannot be read becomes a reason, never an endless retry.
    """
    if not Post.objects.filter(pk=post_id, tenant_id=tenant_id).exists():
        return gettext_noop("post not found")
    for media in document_enrichment.documents_of(post_id):
        claim = claims.claim(media, now=now)
        if claim is not None:
            _read_claimed(claim, media, now=now)
    return document_enrichment.save(post_id, now=now)


def record_failure(post_id: UUID, *, tenant_id: UUID, code: str, now: datetime) -> str:
    """Record that the reading was given up, so that somebody sees it and may ask again."""
    if not Post.objects.filter(pk=post_id, tenant_id=tenant_id).exists():
        return gettext_noop("post not found")
    for media in document_enrichment.documents_of(post_id):
        claims.give_up(media, details=code, now=now)
    return document_enrichment.save(post_id, now=now)


def _read_claimed(claim: claims.Claim, media: MediaObject, *, now: datetime) -> None:
    started, is_settled = time.monotonic(), False
    try:
        with about(sha256=media.file_sha256):
            result = _read(media, limits(), now=now)
        claims.settle(claim, media, result, now=now)
        is_settled = True
    finally:
        if not is_settled:
            claims.cancel(claim, media)
    metrics.DOCUMENTS.labels(result.outcome, result.format or "none").inc()
    metrics.DOCUMENT_SECONDS.observe(time.monotonic() - started)


def _read(media: MediaObject, most: Limits, *, now: datetime) -> DocumentResult:
    """Fetch and read one file, with no transaction open."""
    started = time.monotonic()
    if media.size_bytes > most.file_bytes:
        return refused(Refusal.TOO_LARGE)
    with tempfile.TemporaryDirectory(prefix="document_") as name:
        folder = Path(name)
        file = folder / "document"
        try:
            _fetch(media.s3_key, file)
        except ObjectMissing as missing:
            return refused(Refusal.MISSING, str(missing))
        reading = process.read(file, folder, most)
        recognized = scans.recognize(reading, most, now=now) if reading.scans else 0
        return result_of(reading, recognized=recognized, seconds=time.monotonic() - started)


def _fetch(key: str, file: Path) -> None:
    with get_store().open(key) as stored, file.open("wb") as copy:
        shutil.copyfileobj(stored, copy, COPIED_BYTES)
