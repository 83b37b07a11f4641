"""Queue entry points."""

from typing import Any

from django.utils import timezone

from events.sentences import Sentence, gettext_noop
from vision.services import retry_backlog as services
from vision.tagging.rules import rule_jobs

_RETRIED = Sentence(
    gettext_noop(
        "%(claims)s claims released, %(pictures)s pictures wait again, %(posts)s posts requested"
    )
)
_TAGGED = Sentence(gettext_noop("%(count)s posts got a tag"))


def retry_backlog(**_: Any) -> str:
    """Release what dead workers claimed, then request what is due; scheduled each minute."""
    now = timezone.now()
    released = services.release_stale(now=now)
    posts = services.retry_due(now=now)
    figures = {"claims": released.claims, "pictures": released.requests, "posts": posts}
    return _RETRIED % figures


def apply_rules(**_: Any) -> str:
    """Go on with rules for tags that are applied to posts that are there; wanted, and each minute."""
    return _TAGGED % {"count": rule_jobs.work(now=timezone.now())}
