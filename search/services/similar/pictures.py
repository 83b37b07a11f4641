"""Posts that show nearly the same pictures as a post, by the perceptual hashes of the archive."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.db.models import Q

from accounts.models import Tenant
from media.models import MediaRole, Post, PostMedia, media_object_id
from search.services.results.hits import SamePicture
from vision.duplicates import hash_index
from vision.duplicates.phash import PHash
from vision.models import PictureDistinction, PictureHash

_VISIBLE_ROLES = (MediaRole.PRIMARY, MediaRole.ATTACHMENT)
MOST_POSTS = 200
"""A meme may be in thousands."""
MOST_PICTURES = 200
"""That are like one: the nearest."""


def posts_with_same_pictures(post: Post) -> dict[UUID, SamePicture]:
    """
    Return the other posts of the tenant that show a picture of this one, or a near copy, nearest first.

    Of equal ones the newest comes first. A pair that a person marked as distinct is none.
    """
    shown = PostMedia.objects.filter(post=post, role__in=_VISIBLE_ROLES).order_by("position")
    alike: dict[str, SamePicture] = {}
    for sha256 in shown.values_list("media_object__file_sha256", flat=True):
        for one in _alike(post.tenant, sha256):
            known = alike.get(one.sha256)
            if known is None or one.distance < known.distance:
                alike[one.sha256] = one
    return _posts(post, alike)


def _alike(tenant: Tenant, sha256: str) -> Iterator[SamePicture]:
    """The picture itself, and those that are nearly it."""
    yield SamePicture(sha256, of=sha256, distance=0)
    own = PictureHash.objects.filter(tenant=tenant, sha256=sha256).first()
    if own is None:
        return
    hashed = PHash(int(own.phash, 16), own.hash_size)
    near = hash_index.find_similar(tenant=tenant, phash=hashed, exclude=sha256, limit=MOST_PICTURES)
    copies = hash_index.find_like_copies(
        tenant=tenant, phash=hashed, exclude=sha256, limit=MOST_PICTURES
    )
    distances = {match.sha256: match.distance for match in near} | dict(copies)
    # What shares its analysis shows the same, also where the hashes are farther apart.
    root = own.same_as or sha256
    shared = PictureHash.objects.filter(Q(same_as=root) | Q(sha256=root), tenant=tenant)
    distinct = PictureDistinction.objects.distinct_from(tenant=tenant, sha256=sha256)
    for copy in shared.exclude(sha256__in=[sha256, *distinct]):
        if copy.hash_size == own.hash_size:
            distances[copy.sha256] = (int(copy.phash, 16) ^ hashed.bits).bit_count()
    yield from (SamePicture(one, of=sha256, distance=bits) for one, bits in distances.items())


def _posts(post: Post, alike: dict[str, SamePicture]) -> dict[UUID, SamePicture]:
    media = {media_object_id(post.tenant_id, sha256): one for sha256, one in alike.items()}
    rows = PostMedia.objects.filter(media_object__in=list(media), role__in=_VISIBLE_ROLES)
    newest = rows.exclude(post=post).order_by("-post__posted_at", "post", "position")
    columns = newest.values_list("post_id", "media_object_id")[:MOST_POSTS]
    return _nearest_first([(post_id, media[media_id]) for post_id, media_id in columns])


def _nearest_first(found: Sequence[tuple[UUID, SamePicture]]) -> dict[UUID, SamePicture]:
    nearest: dict[UUID, SamePicture] = {}
    for post_id, one in sorted(found, key=lambda pair: pair[1].distance):  # stable: newest first
        nearest.setdefault(post_id, one)
    return nearest
