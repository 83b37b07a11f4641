"""Which known pictures a newcomer is a copy of: the hash suggests, the pixels decide."""

import logging
from uuid import UUID

from django.conf import settings

from media.imaging import ImageRefused
from media.models import MediaObject, media_object_id
from storage_quota.models import Tenant
from storage_quota.object_store import ObjectMissing, get_store
from vision import near
from vision.likeness import Original, is_copy
from vision.near import Near
from vision.phash import phash

logger = logging.getLogger(__name__)

MOST_COMPARED = 3
"""Pictures fetched for a newcomer. Copies of the copies are not asked: borrowers do not lend."""


def find(*, tenant: Tenant, sha256: str, image: bytes) -> list[Near]:
    """
    Pictures of the tenant that `image` is a copy of, nearest first; the picture is remembered.

    Reads from the store, so call it in no transaction. Raises RetryLater where the store is
    away. Empty for what cannot be told apart (plain pictures), cannot be decoded, or looks
    alike without being the same. A picture whose bytes are gone lends nothing: nobody can
    tell any more what it showed.
    """
    vision = settings.VISION
    if not vision.vision_phash_enabled:
        return []
    newcomer = Original(image, vision.vision_max_pixels)
    try:
        found = phash(newcomer.pixels, hash_size=vision.vision_phash_hash_size)
    except ImageRefused:
        return []
    if found is None:
        return []
    near.remember(tenant=tenant, sha256=sha256, phash=found)
    candidates = near.nearest(tenant=tenant, phash=found, exclude=sha256, limit=MOST_COMPARED)
    return [one for one in candidates if _is_twin(tenant.pk, newcomer, one)]


def _is_twin(tenant_id: UUID, newcomer: Original, candidate: Near) -> bool:
    body = _body(tenant_id, candidate.sha256)
    if body is None:
        return False
    try:
        same = is_copy(newcomer, Original(body, newcomer.max_pixels))
    except ImageRefused:
        return False
    logger.debug("%s is near (%d bits): %s", candidate.sha256[:12], candidate.distance, same)
    return same


def _body(tenant_id: UUID, sha256: str) -> bytes | None:
    media = MediaObject.objects.filter(pk=media_object_id(tenant_id, sha256)).first()
    if media is None:
        return None
    try:
        with get_store().open(media.s3_key) as file:
            return file.read()
    except ObjectMissing:
        return None
