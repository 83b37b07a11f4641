"""Queue entry points."""

from typing import Any

from django.utils import timezone

from crawl.limits import robots
from crawl.services import ask
from events.sentences import Sentence, gettext_noop

_REQUESTED = Sentence(gettext_noop("%(count)s pages requested"))
_FORGOTTEN = Sentence(gettext_noop("%(count)s robots.txt forgotten"))


def request_due(**_: Any) -> str:
    """Ask for the visits whose time has come; scheduled each minute."""
    return _REQUESTED % {"count": ask.due(now=timezone.now())}


def forget_robots(**_: Any) -> str:
    """Delete each robots.txt that is too old to be obeyed; scheduled daily."""
    return _FORGOTTEN % {"count": robots.forget_old(now=timezone.now())}
