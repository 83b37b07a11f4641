"""Entry points of django-q2: they take primitives and return a short outcome."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from events.outbox import pruning
from events.sentences import Sentence, gettext_noop

KEEP = timedelta(days=7)
"""How long finished events are kept."""

_PRUNED = Sentence(gettext_noop("%(count)s events pruned"))


def prune(**_: Any) -> str:
    pruned = pruning.prune(before=timezone.now() - KEEP)
    return _PRUNED % {"count": pruned}
