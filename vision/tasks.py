"""Queue entry points."""

from typing import Any

from django.utils import timezone

from vision.services import retry_backlog as services


def retry_backlog(**_: Any) -> str:
    """Release what dead workers claimed, then request what is due; scheduled each minute."""
    now = timezone.now()
    released = services.release_stale(now=now)
    posts = services.retry_due(now=now)
    return (
        f"{released.claims} claims released, {released.requests} pictures wait again,"
        f" {posts} posts requested"
    )
