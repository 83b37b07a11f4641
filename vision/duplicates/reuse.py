"""
Reuse of a duplicate's analysis: one call of the provider for a picture and its duplicates.

`vision.duplicates.detection` finds duplicates before the claim and without a lock. One that it
could not see, because it arrived a moment later, is found in the tenant's turn: the delivery
then comes back and compares again, rather than paying for a duplicate.
"""

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet
from django.dispatch import receiver

from accounts.models import Tenant
from events.postgresql.one_trip import Statement
from events.postgresql.prepared import Prepared
from media.models import Post
from vision.duplicates import detection, hash_index
from vision.duplicates.detection import Duplicates
from vision.duplicates.distinctions import reuse_ended
from vision.duplicates.hash_index import MAX_RETURNED, NEAREST, sought
from vision.duplicates.phash import PHash
from vision.duplicates.pixel_match import Original
from vision.models import (
    AnalysisState,
    EnrichmentKind,
    PaidAnalysis,
    PictureHash,
    PostEnrichment,
)
from vision.models.duplicates import BANDS
from vision.providers.port import SCHEMA_VERSION, VisionProvider

MARKED_DISTINCT = "marked_distinct"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose analyses can be reused: those of one tenant, by one model."""

    tenant_id: UUID
    provider: str
    model: str
    schema_version: str


def find_duplicates(
    *, tenant: Tenant, sha256: str, image: bytes | Original, provider: VisionProvider
) -> Duplicates:
    """
    Duplicates that this provider has analyzed or is analyzing: only those can be a source.

    Call it outside a transaction: it fetches the bytes of other pictures.
    """
    asked = Asked(tenant.pk, provider.name, provider.model, SCHEMA_VERSION)

    def nearest(phash: PHash) -> Sequence[Any]:
        return _NEAREST.rows(exclude=sha256, **asdict(asked), **sought(tenant.pk, phash))

    return detection.find_duplicates(
        tenant=tenant,
        sha256=sha256,
        image=image,
        among=analyzed(*astuple(asked)),
        nearest=nearest,
    )


def link_source(row: PaidAnalysis, duplicates: Duplicates) -> PaidAnalysis | None:
    """
    Find the nearest duplicate with a result, and record it as the source of the row's picture.

    The caller gives the row that result in the same transaction.
    """
    for one in duplicates.same:
        # is_reused rows are no sources: what is a duplicate of a duplicate may be neither.
        done = _rows_like(row, [one.sha256]).filter(state=AnalysisState.DONE, is_reused=False)
        source = done.first()
        if source and hash_index.reuse(tenant=row.tenant, sha256=row.sha256, source=one):
            return source
    return None


def near_by_now(row: PaidAnalysis, phash: PHash) -> Statement:
    """
    The SHA-256 of at most one picture that `is_in_progress` has to look at more closely.

    `row` need not be saved yet. To be read in the tenant's turn.
    """
    asked = Asked(row.tenant_id, row.provider, row.model, row.schema_version)
    return _ANY_NEAR.statement(exclude=row.sha256, **asdict(asked), **sought(row.tenant_id, phash))


def is_in_progress(row: PaidAnalysis, duplicates: Duplicates, *, is_any_near: bool = True) -> bool:
    """
    Whether the provider is being asked about a duplicate, or about a picture not yet compared.

    `is_any_near` is False where `near_by_now` has found nothing in this turn. In the tenant's turn every claim is visible, and the hash of a claimed picture was committed
    before its claim; so no duplicate is missed here.
    """
    same = [one.sha256 for one in duplicates.same]
    if same and _rows_like(row, same).filter(state=AnalysisState.CLAIMED).exists():
        return True
    phash = (duplicates.phash or _known(row)) if is_any_near else None
    if phash is None:
        return False
    by_now = hash_index.find_similar(
        tenant=row.tenant,
        phash=phash,
        exclude=row.sha256,
        among=analyzed(row.tenant_id, row.provider, row.model, row.schema_version),
    )
    return any(one.sha256 not in duplicates.considered for one in by_now)


def _known(row: PaidAnalysis) -> PHash | None:
    known = PictureHash.objects.filter(tenant_id=row.tenant_id, sha256=row.sha256).first()
    return PHash(int(known.phash, 16), known.hash_size) if known else None


@receiver(reuse_ended, dispatch_uid="vision.request_own_analysis")
def request_own_analysis(*, tenant_id: UUID, sha256: str, **_: Any) -> None:
    """Take the reused result back: the picture waits for an analysis of its own."""
    reused = PaidAnalysis.objects.filter(
        tenant_id=tenant_id, sha256=sha256, state=AnalysisState.DONE, is_reused=True
    )
    changed = reused.update(
        state=AnalysisState.WAITING,
        wait_reason=MARKED_DISTINCT,
        analysis=None,
        is_reused=False,
        due_at=None,
        requested_at=None,
    )
    if changed:
        posts = Post.objects.filter(tenant_id=tenant_id, media__file_sha256=sha256)
        # Without its params_hash an enrichment does not count as up to date any more.
        PostEnrichment.objects.filter(post__in=posts, kind=EnrichmentKind.VISION).update(
            params_hash=""
        )


def _rows_like(row: PaidAnalysis, contents: Sequence[str]) -> QuerySet[PaidAnalysis]:
    """The rows of other pictures, of the same tenant, provider, model and schema."""
    return PaidAnalysis.objects.filter(
        tenant_id=row.tenant_id,
        provider=row.provider,
        model=row.model,
        schema_version=row.schema_version,
        sha256__in=contents,
    )


def _candidates(*, exclude: str, **values: Any) -> QuerySet[Any]:
    asked = {field.name: values.pop(field.name) for field in fields(Asked)}
    return hash_index.candidates(exclude=exclude, among=analyzed(**asked), **values)


_SAMPLES: dict[str, Any] = {
    "exclude": "a SHA-256",
    "tenant_id": uuid4(),
    "provider": "a provider",
    "model": "a model",
    "schema_version": "a version",
    "owner": "a tenant",
    "hash_size": 31_013,
    "digits": "a hash",
    "bands": [*range(30_000, 30_000 + BANDS)],
    "most": 29_017,
}
_NEAREST = Prepared(
    lambda **values: _candidates(**values).values_list(*NEAREST)[:MAX_RETURNED], **_SAMPLES
)
_ANY_NEAR = Prepared(
    lambda **values: _candidates(**values).order_by().values_list("sha256")[:1], **_SAMPLES
)


def analyzed(tenant_id: UUID, provider: str, model: str, schema_version: str) -> QuerySet[Any]:
    """SHA-256 of the pictures that are analyzed or being analyzed."""
    return PaidAnalysis.objects.filter(
        tenant_id=tenant_id,
        provider=provider,
        model=model,
        schema_version=schema_version,
        state__in=(AnalysisState.CLAIMED, AnalysisState.DONE),
    )
