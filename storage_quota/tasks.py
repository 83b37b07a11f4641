"""Queue entry points."""

from typing import Any

from django.utils import timezone

from storage_quota import services
from storage_quota.quota import RESERVATION_TTL


def release_expired(**_: Any) -> str:
    """Clear promises whose workers never came back; scheduled every few minutes."""
    now = timezone.now()
    swept = services.release_expired(now=now)
    aborted = services.abort_uploads(before=now - 2 * RESERVATION_TTL)
    return f"cleared {swept.cleared}, left {swept.left}, {aborted} uploads aborted"
