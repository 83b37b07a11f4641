"""Entry points of django-q2: they take primitives and return a short outcome."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from events.outbox import pruning

KEEP = timedelta(days=7)
"""How long finished events are kept."""


def prune(**_: Any) -> str:
    pruned = pruning.prune(before=timezone.now() - KEEP)
    return f"{pruned} events pruned"
