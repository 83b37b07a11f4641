"""Queue entry points."""

import logging
import time
from typing import Any, Final

from django.utils import timezone

from accounts.models import Tenant
from events import projections
from events.postgresql.advisory_locks import try_held
from events.sentences import Sentence, gettext_noop
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

_FORGOTTEN = Sentence(gettext_noop("%(count)s posts forgotten"))
_POSTPONED = Sentence(gettext_noop("postponed"))
_NOT_COMPARED = Sentence(gettext_noop("%(name)s could not be compared"))
_COMPARED = Sentence(gettext_noop("%(count)s posts compared, %(wrong)s differences"))
_AT_IT = Sentence(gettext_noop("another one is at it"))
_EMBEDDED = Sentence(
    gettext_noop("%(posts)s posts, %(retired)s models removed, %(pruned)s vectors pruned")
)
_SERVES = Sentence(gettext_noop("%(model)s serves now"))
_ENDED = Sentence(gettext_noop("ended: %(why)s"))


def forget_deleted(**_: Any) -> str:
    """Let Qdrant forget the posts that are gone; scheduled each minute."""
    try:
        return _FORGOTTEN % {"count": tombstones.forget_deleted(now=timezone.now())}
    except (IndexUnavailable, EncoderUnavailable) as error:  # the notes stay, and wait
        return f"{_POSTPONED % {}}: {error}"[:200]


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
                return f"{_NOT_COMPARED % {'name': projection.name}}: {error}"[:200]
            wrong += max(found.unresolved, abs(found.expected - found.stored))
            compared += found.compared
    if wrong:
        logger.warning("%d differences between the archive and its projections", wrong)
    return _COMPARED % {"count": compared, "wrong": wrong}


def embed_waiting(**_: Any) -> str:
    """Give posts that wait their vectors; scheduled each minute."""
    until = time.monotonic() + SECONDS
    with try_held(TURN) as is_ours:
        if not is_ours:
            return _AT_IT % {}
        done = catch_up(clock=timezone.now, proceed=lambda: time.monotonic() < until)
    figures = {"posts": done.posts, "retired": done.retired, "pruned": done.pruned}
    parts = [_EMBEDDED % figures]
    parts += [_SERVES % {"model": done.serves}] if done.serves else []
    parts += [_ENDED % {"why": done.ended}] if done.ended else []
    return "; ".join(parts)
