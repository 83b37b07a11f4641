"""Queue entry points."""

import logging
import time
from typing import Any, Final

from django.utils import timezone

from accounts.models import Tenant
from events import projections
from events.postgresql.advisory_locks import try_held
from search.embeddings.port import EncoderUnavailable
from search.index.port import IndexUnavailable
from search.services.indexing import tombstones
from search.services.indexing.catch_up import TURN, catch_up

logger = logging.getLogger(__name__)

COMPARED: Final = 5000
"""Posts of each index that a day's comparison looks at, of all tenants together: some seconds of work."""
LEAST_COMPARED: Final = 20
SECONDS: Final = 40.0
"""Scheduled each minute: what is not done is done a minute later."""


def forget_deleted(**_: Any) -> str:
    """Let Qdrant forget the posts that are gone; scheduled each minute."""
    try:
        return f"{tombstones.forget_deleted(now=timezone.now())} posts forgotten"
    except (IndexUnavailable, EncoderUnavailable) as error:  # the notes stay, and wait
        return f"postponed: {error}"[:200]


def verify_projections(**_: Any) -> str:
    """
    Compare counts, and some of the posts, with each index; scheduled daily.

    Differences are a warning in the log. Nothing is repaired: `manage.py verify_projections` is.
    """
    wrong, compared = 0, 0
    tenants = list(Tenant.objects.values_list("pk", flat=True))
    most = max(LEAST_COMPARED, COMPARED // max(1, len(tenants)))
    for projection in projections.registered():
        for tenant in tenants:
            try:
                found = projection.compare(tenant, most=most)
            except projections.CannotCompare as error:
                return f"could not compare {projection.name}: {error}"[:200]
            wrong += max(found.unresolved, abs(found.expected - found.stored))
            compared += found.compared
    if wrong:
        logger.warning("%d differences between the archive and its projections", wrong)
    return f"{compared} posts compared, {wrong} differences"


def embed_waiting(**_: Any) -> str:
    """Give posts that wait their vectors; scheduled each minute."""
    until = time.monotonic() + SECONDS
    with try_held(TURN) as is_ours:
        if not is_ours:
            return "another one is at it"
        done = catch_up(clock=timezone.now, proceed=lambda: time.monotonic() < until)
    text = f"{done.posts} posts, {done.retired} models removed, {done.pruned} vectors pruned"
    text += f"; {done.serves} serves now" if done.serves else ""
    return text + (f"; ended: {done.ended}" if done.ended else "")
