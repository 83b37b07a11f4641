"""Pictures that people mark as distinct: neither reuses the analysis of the other any more."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.dispatch import Signal

from accounts import audit
from accounts.models import Tenant
from vision.duplicates.hash_index import lock_hashes, stand_alone
from vision.models.duplicates import PictureDistinction, PictureHash

reuse_ended = Signal()
"""
Sent with `tenant_id`, `sha256` and `now`, inside the transaction of the mark, for each picture
that loses a reused analysis and needs one of its own.
"""


def mark_distinct(
    *, tenant: Tenant, first: str, second: str, user: Any, now: datetime
) -> PictureDistinction:
    """
    Mark two pictures as distinct. Idempotent while the mark is valid.

    Whichever reused the analysis of the other loses it, and `reuse_ended` is sent for it.
    """
    one, other = _ordered(first, second)
    with transaction.atomic():
        # The locks come before the mark: a reuse that began earlier is finished, and ended
        # below; one that begins later finds the mark.
        rows = lock_hashes(tenant, [one, other])
        mark, created = PictureDistinction.objects.get_or_create(
            tenant=tenant,
            first_sha256=one,
            second_sha256=other,
            withdrawn_at=None,
            defaults={"declared_by": user, "declared_at": now},
        )
        for row in rows.values():
            if row.same_as in {one, other}:
                stand_alone(tenant_id=tenant.pk, sha256=row.sha256)
                reuse_ended.send(
                    sender=PictureHash, tenant_id=tenant.pk, sha256=row.sha256, now=now
                )
        if created:
            audit.record("pictures.distinct", target=mark, after={"pictures": [one, other]})
    return mark


def withdraw(*, tenant: Tenant, first: str, second: str, user: Any, now: datetime) -> bool:
    """
    Withdraw the mark; False where none was valid.

    A picture that was analyzed since keeps its own analysis.
    """
    one, other = _ordered(first, second)
    valid = PictureDistinction.objects.valid().filter(
        tenant=tenant, first_sha256=one, second_sha256=other
    )
    with transaction.atomic():
        mark = valid.select_for_update().first()
        if mark is None:
            return False
        audit.record("pictures.withdrawn", target=mark, before={"pictures": [one, other]})
        return bool(valid.update(withdrawn_by=user, withdrawn_at=now))


def _ordered(first: str, second: str) -> list[str]:
    """A pair is stored in one order, so that the unique constraint sees it once."""
    if first == second:
        raise ValueError("a picture is the same as itself")
    return sorted((first, second))
