"""
Presigned links to stored objects: short-lived, only to a tenant's own objects, safe to open.

A link is a secret, since it lets anybody read the object until it expires: it is never logged
or stored.
"""

from collections.abc import Iterable, Mapping
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
    entries = _entries(tenant_id, [key])
    if not entries:
        raise ObjectMissing(key)
    return _made(entries, {key: filename}, now=now).get(key)


def presigned_urls(*, tenant_id: UUID, names: Mapping[str, str], now: datetime) -> dict[str, str]:
    """
    Make links to objects of a tenant, by key; `names` has the file name of each, empty for the key's.

    Left out are keys that are not the tenant's, and all of them where there are no links. Two
    statements, however many keys there are.
    """
    return _made(_entries(tenant_id, names), names, now=now)


def _made(
    entries: Iterable[StoredObject], names: Mapping[str, str], *, now: datetime
) -> dict[str, str]:
    expires = timedelta(seconds=settings.S3.presigned_url_ttl)
    found = {e.key: _signed(e, names[e.key], expires) for e in entries} if expires else {}
    made = {key: link for key, link in found.items() if link is not None}
    if made:
        note_read(made, now=now)
    return made


def _entries(tenant_id: UUID, keys: Iterable[str]) -> list[StoredObject]:
    return list(StoredObject.objects.filter(key__in=list(keys), tenant_id=tenant_id))


def _signed(entry: StoredObject, filename: str, expires: timedelta) -> str | None:
    inline = entry.mime in INLINE_TYPES
    return get_store().presign(
        entry.key,
        expires=expires,
        filename=filename or entry.key.rpartition("/")[2],
        mime=entry.mime if inline else DOWNLOAD,
        attachment=not inline,
    )


def note_read(keys: Iterable[str], *, now: datetime) -> None:
    """
    Note that objects were read, at most once a day each, so that reading stays cheap.

    Cleanup evicts the objects first that were read longest ago.
    """
    long_ago = Q(last_read_at__isnull=True) | Q(last_read_at__lte=now - READ_NOTED_EVERY)
    StoredObject.objects.filter(long_ago, key__in=list(keys)).update(last_read_at=now)
