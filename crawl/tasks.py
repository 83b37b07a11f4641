"""Queue entry points."""

from typing import Any

from django.utils import timezone

from crawl.services import ask


def request_due(**_: Any) -> str:
    """Ask for the visits whose time has come; scheduled each minute."""
    return f"{ask.due(now=timezone.now())} pages requested"
