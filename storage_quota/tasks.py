"""Queue entry points."""

from typing import Any

from django.utils import timezone

from storage_quota import services


def release_expired(**_: Any) -> str:
    """Clear promises whose workers never came back; scheduled every few minutes."""
    swept = services.release_expired(now=timezone.now())
    return f"cleared {swept.cleared}, left {swept.left}"
