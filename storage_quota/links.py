"""
Links to stored objects: short-lived, to a tenant's own objects only, harmless to open.

Whoever has a link may read the object until it expires: a link is a secret, and is never
logged or kept.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from storage_quota.models import StoredObject
from storage_quota.object_store import ObjectMissing, get_store

INLINE_TYPES: Final = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp"}
)
"""
Raster pictures every browser shows and runs nothing of. Whatever else is stored is a
download of no type: a page or an SVG image could carry a script.
"""
DOWNLOAD: Final = "application/octet-stream"
READ_NOTED_EVERY: Final = timedelta(days=1)


def presigned_url(*, tenant_id: UUID, key: str, now: datetime, filename: str = "") -> str | None:
    """
    A link good for S3_PRESIGNED_URL_TTL seconds; None: there are none, stream it instead.

    Raises ObjectMissing, also for what is another tenant's.
    """
    entry = StoredObject.objects.filter(key=key, tenant_id=tenant_id).first()
    if entry is None:
        raise ObjectMissing(key)
    expires = timedelta(seconds=settings.S3.presigned_url_ttl)
    if not expires:
        return None
    inline = entry.mime in INLINE_TYPES
    link = get_store().presign(
        key,
        expires=expires,
        filename=filename or key.rpartition("/")[2],
        mime=entry.mime if inline else DOWNLOAD,
        attachment=not inline,
    )
    if link is not None:
        note_read([key], now=now)
    return link


def note_read(keys: Iterable[str], *, now: datetime) -> None:
    """
    Remember that objects were read; at most once a day each, so that reading stays cheap.

    What was read longest ago is the first to go when room runs out.
    """
    long_ago = Q(last_read_at__isnull=True) | Q(last_read_at__lte=now - READ_NOTED_EVERY)
    StoredObject.objects.filter(long_ago, key__in=list(keys)).update(last_read_at=now)
