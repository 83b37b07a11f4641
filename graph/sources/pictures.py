"""Facts of pictures: what was seen in them, and which other picture of the tenant they show again."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from graph import keys
from graph.facts import HAS_LABEL, LOOKS_LIKE, PICTURE, TAG, Facts, Ref, present
from media.models import MediaObject, media_object_id
from vision.models import AnalysisState, PaidAnalysis, PictureHash, VisionProviderName

_READ_BY_OCR = """
    SELECT DISTINCT m.id FROM media_objects AS m
    JOIN post_media_map AS shown ON shown.media_object_id = m.id
    JOIN post_enrichment AS e ON e.post_id = shown.post_id AND e.kind = 'vision',
    jsonb_array_elements(e.metadata -> 'decisions') AS decision
    WHERE m.id = ANY(%s) AND decision ->> 'sha256' = m.file_sha256
    AND decision ->> 'outcome' IN ('analyzed', 'read')
"""


def read(pictures: Iterable[tuple[UUID, str]], facts: Facts) -> None:
    """Add the facts of these pictures (tenant, SHA-256), and of those that they look like."""
    wanted = set(pictures)
    alike = _alike(wanted)
    wanted |= {(tenant, source) for (tenant, _), (source, _) in alike.items()}
    analyses, media = _analyses(wanted), _media(wanted)
    read_by_ocr = _read_by_ocr([row.pk for row in media.values()])
    for tenant, sha256 in wanted:
        picture = Ref(PICTURE, keys.picture(tenant, sha256))
        row, seen = media.get((tenant, sha256)), analyses.get((tenant, sha256), {})
        source, distance = alike.get((tenant, sha256), (sha256, None))
        if not seen and row is not None and row.pk in read_by_ocr:
            seen = {"provider": VisionProviderName.OCR_FALLBACK.value}
        facts.owners[picture] = _properties(tenant, sha256, row, seen) | {"source_sha256": source}
        for name in filter(None, map(keys.tag_name, seen.get("labels") or ())):
            tag = facts.leaf(TAG, keys.tag(tenant, name), tenant_id=str(tenant), name=name)
            facts.connect(HAS_LABEL, picture, tag)
        other = Ref(PICTURE, keys.picture(tenant, source))
        facts.connect(LOOKS_LIKE, picture, other, distance=distance)


def _properties(
    tenant: UUID, sha256: str, row: MediaObject | None, seen: dict[str, Any]
) -> dict[str, Any]:
    return present(
        {
            "key": keys.picture(tenant, sha256),
            "tenant_id": str(tenant),
            "sha256": sha256,
            "s3_key": row.s3_key if row else None,
            "mime_type": row.mime if row else None,
            "classification": seen.get("classification"),
            "description": seen.get("description"),
            "is_meme": seen.get("is_meme"),
            "provider": seen.get("provider"),
        }
    )


def _alike(pictures: set[tuple[UUID, str]]) -> dict[tuple[UUID, str], tuple[str, int | None]]:
    """The source of each picture that shows another one again, and the bits between their hashes."""
    rows = PictureHash.objects.filter(_of(pictures)).exclude(same_as="")
    return {
        (tenant, sha256): (source, distance)
        for tenant, sha256, source, distance in rows.values_list(
            "tenant_id", "sha256", "same_as", "distance"
        )
    }


def _analyses(pictures: set[tuple[UUID, str]]) -> dict[tuple[UUID, str], dict[str, Any]]:
    """The newest paid analysis of each picture."""
    rows = PaidAnalysis.objects.filter(_of(pictures), state=AnalysisState.DONE)
    ordered = rows.order_by("analyzed_at", "pk")
    return {
        (row.tenant_id, row.sha256): {"provider": row.provider, **(row.analysis or {})}
        for row in ordered.only("tenant_id", "sha256", "provider", "analysis")
    }


def _media(pictures: set[tuple[UUID, str]]) -> dict[tuple[UUID, str], MediaObject]:
    ids = [media_object_id(*picture) for picture in pictures]
    rows = MediaObject.objects.filter(pk__in=ids)
    return {(row.tenant_id, row.file_sha256): row for row in rows}


def _read_by_ocr(ids: list[UUID]) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_READ_BY_OCR, [ids])
        return {pk for (pk,) in cursor.fetchall()}


def _of(pictures: set[tuple[UUID, str]]) -> Q:
    """Rows of these pictures, by tenant: an index begins with it."""
    by_tenant: dict[UUID, list[str]] = defaultdict(list)
    for tenant, sha256 in pictures:
        by_tenant[tenant].append(sha256)
    found = Q(pk__in=[])
    for tenant, contents in by_tenant.items():
        found |= Q(tenant=tenant, sha256__in=contents)
    return found
