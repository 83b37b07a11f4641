"""Queue entry points."""

import time
from typing import Any, Final

from django.utils import timezone

from events.postgresql.advisory_locks import try_held
from search.services.catch_up import TURN, catch_up

SECONDS: Final = 40.0
"""Scheduled each minute: what is not done is done a minute later."""


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
