"""The columns by which a row of any room names the worker that has it in hand."""

import uuid
from collections.abc import Container
from datetime import datetime
from typing import Protocol

from django.db.models import Q

from events.workers import liveness


class Claimed(Protocol):
    """A row with the columns of a claim."""

    claim_id: uuid.UUID | None
    claimed_by: uuid.UUID | None
    claimed_until: datetime | None


def take(row: Claimed, claim_id: uuid.UUID, *, until: datetime) -> None:
    """Put the row into the hands of this process."""
    row.claim_id, row.claimed_by, row.claimed_until = claim_id, liveness.worker_id(), until


def release(row: Claimed) -> None:
    row.claim_id = row.claimed_by = row.claimed_until = None


def is_stale(row: Claimed, *, in_hand: Container[uuid.UUID | None], now: datetime) -> bool:
    """
    Whether nobody works on a claimed row any more. `in_hand`: the claims of this process.

    The lease catches a worker that hangs, liveness one that was killed.
    """
    if row.claimed_by is None or (row.claimed_until is not None and row.claimed_until <= now):
        return True
    if row.claimed_by == liveness.worker_id():
        # One that is not in hand was committed although the connection broke before this process
        # heard of it; nobody else would free it.
        return row.claim_id not in in_hand
    return liveness.is_gone(row.claimed_by)


def claim_is_whole() -> Q:
    """Return the condition that `claim_id` and `claimed_by` stand exactly where `state` is claimed."""
    return Q(
        state="claimed",
        claim_id__isnull=False,
        claimed_by__isnull=False,
        claimed_until__isnull=False,
    ) | (~Q(state="claimed") & Q(claim_id__isnull=True, claimed_by__isnull=True))
