"""Entry points of django-q2: they take primitives and return a short outcome."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from events.outbox import pruning
from events.sentences import Sentence, gettext_noop

KEEP = timedelta(days=7)
"""How long finished events are kept."""
KEEP_FAILED_RUNS = timedelta(days=30)
"""A job that fails each minute leaves forty thousand of them."""

_PRUNED = Sentence(gettext_noop("%(count)s events pruned"))


def prune(**_: Any) -> str:
    from events import queue  # noqa: PLC0415 - late

    now = timezone.now()
    pruned = pruning.prune(before=now - KEEP)
    queue.forget_failed_runs(before=now - KEEP_FAILED_RUNS)
    return _PRUNED % {"count": pruned}
