"""
The storage room's facade; whatever changes the bucket does so by reserve → put → settle.

`put_object` does all three for one object. A caller with a batch does them itself:
`reserve_many`, `store.put` for each with no transaction open, `settle_many` inside the
transaction that writes the rows pointing to the objects, `release_many` for what failed.
Other rooms import this module as `from storage_quota import services`.
"""

import hashlib
from datetime import datetime
from typing import Any, BinaryIO

from django.conf import settings

from accounts.models import Tenant
from events.postgresql import one_trip
from storage_quota.limits import QuotaForecast
from storage_quota.models import ContentType, Reservation, StoredObject
from storage_quota.object_store import metrics
from storage_quota.object_store.adapters import CHUNK_BYTES
from storage_quota.object_store.errors import OUT_OF_ORDER, StoreFull
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.packing import GZIP, json_bytes, pack
from storage_quota.reservations.delete import forget, lock_existing, remove
from storage_quota.reservations.release import (
    ReleaseResult,
    abort_uploads,
    left_for,
    release,
    release_expired,
    release_many,
)
from storage_quota.reservations.settle import ReservationExpired, settle, settle_many
from storage_quota.reserve import QuotaExceeded, ReservationRequest, forecast, reserve, reserve_many

NOT_STORED = (QuotaExceeded, StoreFull, *OUT_OF_ORDER)
"""Errors of `put_object` that are no fault of the object: no space, or no working store."""

__all__ = [
    "NOT_STORED",
    "QuotaExceeded",
    "QuotaForecast",
    "ReleaseResult",
    "ReservationExpired",
    "ReservationRequest",
    "abort_uploads",
    "forecast",
    "forget",
    "lock_existing",
    "put_json",
    "put_object",
    "put_text",
    "release",
    "release_expired",
    "release_many",
    "remove",
    "reserve",
    "reserve_many",
    "settle",
    "settle_many",
]


def put_object(
    *,
    tenant: Tenant,
    content_type: str,
    key: str,
    body: bytes | BinaryIO,
    mime: str,
    content_encoding: str = "",
    now: datetime,
) -> StoredObject:
    """
    Store one object, unless the ledger has the same bytes under this key already.

    `body` is bytes or a seekable file. Raises QuotaExceeded before anything is written.
    """
    size_bytes, sha256 = _measure(body)
    known, left = one_trip.fetch(
        (f"{one_trip.every(StoredObject)} WHERE key = %s AND sha256 = %s", [key, sha256]),
        left_for([key]),
    )
    for entry in one_trip.objects(StoredObject, known):
        metrics.count("put", "exists", key)
        return entry
    reservation = reserve(
        tenant=tenant,
        content_type=content_type,
        key=key,
        size_bytes=size_bytes or 1,
        now=now,
        left=one_trip.objects(Reservation, left),
    )
    try:
        get_store().put(reservation, body, mime=mime, content_encoding=content_encoding)
        return settle(reservation, now=now)
    except Exception:
        release(reservation)
        raise


def put_json(
    *, tenant: Tenant, content_type: str, key: str, data: Any, now: datetime
) -> StoredObject:
    """Store a document; equal documents give equal bytes, so they are uploaded once."""
    return put_text(
        tenant=tenant,
        content_type=content_type,
        key=key,
        text=json_bytes(data),
        mime="application/json",
        now=now,
    )


def put_text(
    *, tenant: Tenant, content_type: str, key: str, text: bytes, mime: str, now: datetime
) -> StoredObject:
    """Store text (JSON, HTML, Markdown) compressed; S3_USE_COMPRESSION may switch that off."""
    packed = _is_compressed(content_type)
    return put_object(
        tenant=tenant,
        content_type=content_type,
        key=key,
        body=pack(text, level=settings.S3.compression_level) if packed else text,
        mime=mime,
        content_encoding=GZIP if packed else "",
        now=now,
    )


def _is_compressed(content_type: str) -> bool:
    # Compression is compulsory for crawled pages (CONTRACT §6.1), whatever the setting says.
    return bool(settings.S3.use_compression) or content_type == ContentType.CRAWL


def _measure(body: bytes | BinaryIO) -> tuple[int, str]:
    if isinstance(body, bytes):
        return len(body), hashlib.sha256(body).hexdigest()
    start, digest = body.tell(), hashlib.sha256()
    # Not hashlib.file_digest(): of a BytesIO it takes the whole, and does not move on.
    while chunk := body.read(CHUNK_BYTES):
        digest.update(chunk)
    size_bytes = body.tell() - start
    body.seek(start)
    return size_bytes, digest.hexdigest()
