"""Queue entry points."""

from typing import Any

from django.utils import timezone

from vision.services import retry_backlog as services
from vision.tagging.rules import rule_jobs


def retry_backlog(**_: Any) -> str:
    """Release what dead workers claimed, then request what is due; scheduled each minute."""
    now = timezone.now()
    released = services.release_stale(now=now)
    posts = services.retry_due(now=now)
    return (
        f"{released.claims} claims released, {released.requests} pictures wait again,"
        f" {posts} posts requested"
    )


def apply_rules(**_: Any) -> str:
    """Go on with rules for tags that are applied to posts that are there; wanted, and each minute."""
    return f"{rule_jobs.work(now=timezone.now())} posts got a tag"
