"""Entry points of django-q2: they take primitives and return a short outcome."""

from typing import Any

from django.core.management import call_command


def clear_sessions(**_: Any) -> str:
    """Delete expired sessions, which Django itself never does."""
    call_command("clearsessions")
    return "expired sessions deleted"
