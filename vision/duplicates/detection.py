"""Which known pictures a newcomer is a copy of: the hash suggests, the pixels decide."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import Tenant
from media.imaging import ImageRefused
from media.models import MediaObject, media_object_id
from storage_quota.object_store import ObjectMissing, get_store
from vision.duplicates import hash_index
from vision.duplicates.hash_index import Near
from vision.duplicates.phash import phash
from vision.duplicates.pixel_match import Original, is_copy

logger = logging.getLogger(__name__)

MOST_COMPARED = 5
"""Pictures fetched for a newcomer. Copies of the copies are not asked: borrowers do not lend."""


@dataclass(frozen=True, slots=True)
class Compared:
    """
    `same`: pictures that show the same, nearest first. `considered`: all that were near enough
    to be named; those beyond the first few pass for different without a look at their pixels.
    """

    same: Sequence[Near] = ()
    considered: frozenset[str] = frozenset()


def find(*, tenant: Tenant, sha256: str, image: bytes) -> list[Near]:
    """Pictures of the tenant that `image` is a copy of; see `compare`."""
    return list(compare(tenant=tenant, sha256=sha256, image=image).same)


def compare(
    *, tenant: Tenant, sha256: str, image: bytes, among: QuerySet[Any] | None = None
) -> Compared:
    """
    Compare with the nearest pictures of the tenant (`among` those); the picture is remembered.

    Reads from the store, so call it in no transaction. Raises RetryLater where the store is
    away. Empty for what cannot be told apart (plain pictures), cannot be decoded, or looks
    alike without being the same. A picture whose bytes are gone lends nothing: nobody can
    tell any more what it showed.
    """
    vision = settings.VISION
    if not vision.vision_phash_enabled:
        return Compared()
    newcomer = Original(image, vision.vision_max_pixels)
    try:
        found = phash(newcomer.pixels, hash_size=vision.vision_phash_hash_size)
    except ImageRefused:
        return Compared()
    if found is None:
        return Compared()
    hash_index.remember(tenant=tenant, sha256=sha256, phash=found)
    candidates = hash_index.nearest(tenant=tenant, phash=found, exclude=sha256, among=among)
    same = [one for one in candidates[:MOST_COMPARED] if _is_twin(tenant.pk, newcomer, one)]
    return Compared(same, frozenset(one.sha256 for one in candidates))


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
