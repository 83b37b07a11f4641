"""
A picture that is a copy of another takes over its analysis: one look for both.

`vision.duplicates.detection` says who is a copy of whom, before the claim and without a lock. What it could not
see, because it came a moment later, is found under the tenant's turn: then the delivery comes
back and compares again, rather than paying for a copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.dispatch import receiver

from accounts.models import Tenant
from media.models import Post
from vision.duplicates import detection, hash_index
from vision.duplicates.hash_index import Near, told_apart
from vision.duplicates.phash import PHash
from vision.models import (
    EnrichmentKind,
    LookState,
    PictureHash,
    PictureLook,
    PostEnrichment,
)
from vision.providers.port import SCHEMA_VERSION, VisionProvider

TOLD_APART = "told_apart"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pictures found to be the same, of those that were considered at all."""

    twins: Sequence[Near] = ()
    considered: frozenset[str] = frozenset()


def compare(*, tenant: Tenant, sha256: str, image: bytes, provider: VisionProvider) -> Comparison:
    """
    With pictures that have a look or are getting one: others have nothing to lend.

    In no transaction: bytes of other pictures are fetched.
    """
    among = _active(tenant.pk, provider.name, provider.model, SCHEMA_VERSION)
    found = detection.compare(tenant=tenant, sha256=sha256, image=image, among=among)
    return Comparison(found.same, found.considered)


def lender(row: PictureLook, compared: Comparison) -> tuple[PictureLook, Near] | None:
    """A finished look at a copy of the row's picture, nearest first."""
    for one in compared.twins:
        other = _others(row, [one.sha256]).filter(state=LookState.DONE, same_as=None).first()
        if other is not None and hash_index.borrow(tenant=row.tenant, sha256=row.sha256, near=one):
            return other, one
    return None


def being_looked_at(row: PictureLook, compared: Comparison) -> bool:
    """
    Whether a copy is before the provider right now, or something near that nobody considered.

    Who holds the tenant's turn sees every claim; and every claim was remembered before it.
    """
    copies = [one.sha256 for one in compared.twins]
    if copies and _others(row, copies).filter(state=LookState.CLAIMED).exists():
        return True
    known = PictureHash.objects.filter(tenant_id=row.tenant_id, sha256=row.sha256).first()
    if known is None:
        return False
    by_now = hash_index.nearest(
        tenant=row.tenant,
        phash=PHash(int(known.phash, 16), known.hash_size),
        exclude=row.sha256,
        among=_active(row.tenant_id, row.provider, row.model, row.schema_version),
    )
    return any(one.sha256 not in compared.considered for one in by_now)


@receiver(told_apart, dispatch_uid="vision.look_for_itself")
def look_for_itself(*, tenant_id: UUID, sha256: str, **_: Any) -> None:
    """What was taken over is taken back: the picture waits for a look of its own."""
    shared = PictureLook.objects.filter(
        tenant_id=tenant_id, sha256=sha256, state=LookState.DONE, same_as__isnull=False
    )
    changed = shared.update(
        state=LookState.WAITING, waits_for=TOLD_APART, analysis=None, same_as=None, distance=None,
        due_at=None, asked_at=None,
    )  # fmt: skip
    if changed:
        posts = Post.objects.filter(tenant_id=tenant_id, media__file_sha256=sha256)
        PostEnrichment.objects.filter(post__in=posts, kind=EnrichmentKind.VISION).update(
            params_hash=""
        )


def _others(row: PictureLook, contents: Sequence[str]) -> Any:
    return PictureLook.objects.filter(
        tenant_id=row.tenant_id, provider=row.provider, model=row.model,
        schema_version=row.schema_version, sha256__in=contents,
    )  # fmt: skip


def _active(tenant_id: UUID, provider: str, model: str, schema_version: str) -> QuerySet[Any]:
    """The pictures that have a look or are getting one just now."""
    return PictureLook.objects.filter(
        tenant_id=tenant_id, provider=provider, model=model, schema_version=schema_version,
        state__in=(LookState.CLAIMED, LookState.DONE),
    ).values("sha256")  # fmt: skip
