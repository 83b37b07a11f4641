"""Queue entry points."""

from typing import Any

from django.utils import timezone

from vision.services import retry_backlog


def ask_waiting(**_: Any) -> str:
    """Free what dead workers held, then ask for what waits; scheduled each minute."""
    now = timezone.now()
    freed, forgotten = retry_backlog.sweep(now=now)
    asked = retry_backlog.ask_due(now=now)
    return f"{freed} claims freed, {forgotten} wait again, {asked} posts asked for"
