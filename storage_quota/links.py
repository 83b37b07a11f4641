"""
Presigned links to stored objects: short-lived, only to a tenant's own objects, safe to open.

A link is a secret, since it lets anybody read the object until it expires: it is never logged
or stored.
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
Raster images, which browsers show without running anything. All other types are offered as a
download without a type: a page or an SVG image could carry a script.
"""
DOWNLOAD: Final = "application/octet-stream"
READ_NOTED_EVERY: Final = timedelta(days=1)


def presigned_url(*, tenant_id: UUID, key: str, now: datetime, filename: str = "") -> str | None:
    """
    Make a link that lives S3_PRESIGNED_URL_TTL seconds.

    None if that is 0 or the store has no links: the caller streams the object instead. Raises
    ObjectMissing, also for an object of another tenant.
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
    Note that objects were read, at most once a day each, so that reading stays cheap.

    Cleanup evicts the objects first that were read longest ago.
    """
    long_ago = Q(last_read_at__isnull=True) | Q(last_read_at__lte=now - READ_NOTED_EVERY)
    StoredObject.objects.filter(long_ago, key__in=list(keys)).update(last_read_at=now)
