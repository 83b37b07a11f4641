"""Detection of duplicates of a new picture: the hash proposes, the pixels decide."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import Tenant
from media import imaging
from media.imaging import ImageRefused
from media.models import MediaObject, media_object_id
from storage_quota.object_store import ObjectMissing, get_store
from vision.duplicates import hash_index
from vision.duplicates.hash_index import HashMatch
from vision.duplicates.phash import PHash, phash
from vision.duplicates.pixel_match import Original, is_duplicate

logger = logging.getLogger(__name__)

MAX_COMPARED = 5
"""
Pictures fetched for one new picture. Five are enough even for a meme with many copies: a picture
that reuses an analysis is not proposed.
"""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """
    What is known about duplicates of a new picture.

    `same`: pictures that show the same, nearest first. `considered`: all whose hash was near
    enough; those beyond MAX_COMPARED count as different although nobody compared their pixels.
    `phash`: the hash of the picture itself.
    """

    same: Sequence[HashMatch] = ()
    considered: frozenset[str] = frozenset()
    phash: PHash | None = None


def find_duplicates(
    *,
    tenant: Tenant,
    sha256: str,
    image: bytes | Original,
    among: QuerySet[Any] | None = None,
    nearest: Callable[[PHash], Sequence[Any]] | None = None,
) -> Duplicates:
    """
    Compare a picture with the most similar ones of its tenant, and remember its hash.

    `among` is a queryset of the SHA-256 to compare with, `nearest` finds those by a prepared
    statement (`hash_index.find_similar`). Reads from the store, so call it
    outside a transaction. Raises RetryLater where the store is away, or other pictures take the
    memory. Empty for a picture that
    is too plain to have a hash, or that cannot be decoded.
    """
    original = original_of(image) if isinstance(image, bytes) else image
    # Remembered before the search: of two duplicates that arrive at once, one finds the other.
    found = _remember(tenant, sha256, original)
    if found is None:
        return Duplicates()
    similar = hash_index.find_similar(
        tenant=tenant,
        phash=found,
        exclude=sha256,
        among=among,
        nearest=nearest(found) if nearest else None,
    )
    same = [one for one in similar[:MAX_COMPARED] if _shows_same(tenant.pk, original, one)]
    return Duplicates(same, frozenset(one.sha256 for one in similar), found)


def remember(*, tenant: Tenant, sha256: str, image: bytes) -> None:
    """
    Remember the hash of a picture for which nothing is paid: its copies are looked for, too.

    Call it outside a transaction. Nothing happens for a picture that has no hash.
    """
    _remember(tenant, sha256, original_of(image))


def original_of(image: bytes) -> Original:
    """The picture as it is compared, of the size that the settings allow."""
    return Original(image, settings.VISION.vision_max_pixels)


def _remember(tenant: Tenant, sha256: str, original: Original) -> PHash | None:
    """The hash; None where hashes are off, or the picture is too plain or cannot be decoded."""
    vision = settings.VISION
    if not vision.vision_phash_enabled:
        return None
    try:
        found = phash(original.pixels, hash_size=vision.vision_phash_hash_size)
    except ImageRefused:
        return None
    if found is not None:
        hash_index.remember(tenant=tenant, sha256=sha256, phash=found)
    return found


def _shows_same(tenant_id: UUID, original: Original, match: HashMatch) -> bool:
    """False where the bytes of the other picture are gone: nobody can tell what it showed."""
    body = _body(tenant_id, match.sha256)
    if body is None:
        return False
    try:
        with imaging.compared.held(body):
            same = is_duplicate(original, Original(body, original.max_pixels))
    except ImageRefused:
        return False
    logger.debug("%s is %d bits away: %s", match.sha256[:12], match.distance, same)
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
