"""
Who reads a document: the state of its row, requested → claimed → done.

While a worker reads no transaction is open: the row names the worker, and `events.workers.liveness` tells
others when it is gone. A document that was claimed too often without an end is given up.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from events.errors import RetryLater
from events.postgresql.prepared import Prepared
from events.workers import liveness
from events.workers.claim_columns import is_stale, release, take
from media.models import MediaObject
from vision.documents.findings import Refusal
from vision.documents.result import DocumentResult, refused
from vision.models import DocumentPage, DocumentText, ReadingState

LEASE: Final = timedelta(minutes=30)
"""Longer than the most that can be configured: reading 5 minutes, recognition 10, its last page 10."""
SOON: Final = timedelta(seconds=5)
MOST_ATTEMPTS: Final = 4


class ReadingInProgress(RetryLater):
    """Another worker reads this document."""


Claim = uuid.UUID

_in_hand: set[Claim] = set()
"""Claims that threads of this process work on; a claim is in hand before its row can be seen."""


def claim(media: MediaObject, *, now: datetime) -> Claim | None:
    """
    Claim a document; None where it is read already, or given up.

    Whoever gets a claim ends it by `settle` or `cancel`. Raises ReadingInProgress.
    """
    claim_id, is_claimed = uuid.uuid4(), False
    liveness.worker_id()  # before a transaction is open: it may wait for its connection
    _in_hand.add(claim_id)
    try:
        with transaction.atomic():
            row, _ = DocumentText.objects.select_for_update().get_or_create(media_object=media)
            is_claimed = _is_to_be_read(row, media, now=now)
            if is_claimed:
                row.state, row.attempts = ReadingState.CLAIMED, row.attempts + 1
                take(row, claim_id, until=now + LEASE)
                row.save()
    finally:
        if not is_claimed:
            _in_hand.discard(claim_id)
    return claim_id if is_claimed else None


def _is_to_be_read(row: DocumentText, media: MediaObject, *, now: datetime) -> bool:
    if row.state == ReadingState.CLAIMED and not is_stale(row, in_hand=_in_hand, now=now):
        raise ReadingInProgress(f"{media} is being read", after=SOON)
    if row.state == ReadingState.DONE:
        return False
    if row.attempts >= MOST_ATTEMPTS:
        _finish(row, refused(Refusal.GIVEN_UP), now=now)
        return False
    return True


def settle(claim_id: Claim, media: MediaObject, result: DocumentResult, *, now: datetime) -> bool:
    """Store what was read; False where the claim was lost: another worker's reading counts."""
    with transaction.atomic():
        row = DocumentText.objects.select_for_update().filter(pk=media.pk).first()
        is_ours = row is not None and row.claim_id == claim_id
        if row is not None and is_ours:
            _finish(row, result, now=now)
    _in_hand.discard(claim_id)
    return is_ours


def cancel(claim_id: Claim, media: MediaObject) -> None:
    """Give a claim back: what went wrong is not the document's fault and does not count."""
    with transaction.atomic():
        row = DocumentText.objects.select_for_update().filter(pk=media.pk).first()
        if row is not None and row.claim_id == claim_id:
            _release(row)
            row.attempts -= 1
            row.save()
    _in_hand.discard(claim_id)


def give_up(media: MediaObject, *, details: str, now: datetime) -> None:
    """End a document whose task has failed for good, unless it has an end already."""
    with transaction.atomic():
        row, _ = DocumentText.objects.select_for_update().get_or_create(media_object=media)
        if row.state == ReadingState.REQUESTED:
            _finish(row, refused(Refusal.GIVEN_UP, details), now=now)


def release_stale_claims(*, now: datetime) -> int:
    """Free what workers that are gone held; every worker calls it, see `events.delivery.recovery`."""
    claimed = _CLAIMED.objects()
    return sum(
        _free(one.pk, still=lambda row: is_stale(row, in_hand=_in_hand, now=now))
        for one in claimed
        if is_stale(one, in_hand=_in_hand, now=now)
    )


_CLAIMED = Prepared(lambda: DocumentText.objects.filter(state=ReadingState.CLAIMED))


def _free(pk: uuid.UUID, *, still: Callable[[DocumentText], bool]) -> bool:
    with transaction.atomic():
        # A locked row is being settled at this moment, so its worker is alive.
        row = DocumentText.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if row is None or row.state != ReadingState.CLAIMED or not still(row):
            return False
        _release(row)
        row.save()
        return True


def _release(row: DocumentText) -> None:
    row.state = ReadingState.REQUESTED
    release(row)


def _finish(row: DocumentText, result: DocumentResult, *, now: datetime) -> None:
    """Replace what the row says and its pages, in the caller's transaction."""
    _release(row)
    row.state, row.read_at, row.attempts = ReadingState.DONE, now, 0
    row.outcome, row.reason, row.details = result.outcome, result.reason, result.details
    row.format, row.pages, row.pages_recognized = result.format, result.pages, result.recognized
    row.chars, row.text_hash, row.seconds = result.chars, result.text_hash, result.seconds
    row.save()
    row.parts.all().delete()
    DocumentPage.objects.bulk_create(
        DocumentPage(
            document=row,
            position=position,
            page=part.page,
            label=part.label,
            text=part.text,
            is_recognized=part.is_recognized,
        )
        for position, part in enumerate(result.parts)
    )
