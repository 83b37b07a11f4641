"""Queue entry points."""

from typing import Any

from django.utils import timezone

from crawl.services import ask
from events.sentences import Sentence, gettext_noop

_REQUESTED = Sentence(gettext_noop("%(count)s pages requested"))


def request_due(**_: Any) -> str:
    """Ask for the visits whose time has come; scheduled each minute."""
    return _REQUESTED % {"count": ask.due(now=timezone.now())}
