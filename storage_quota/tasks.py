"""Queue entry points."""

from typing import Any

from django.utils import timezone

from storage_quota import services
from storage_quota.object_store import get_store
from storage_quota.quota import RESERVATION_TTL


def release_expired(**_: Any) -> str:
    """Clear promises whose workers never came back; scheduled every few minutes."""
    now = timezone.now()
    swept = services.release_expired(now=now)
    drafts = get_store().forget_drafts(before=now - 2 * RESERVATION_TTL)
    return f"cleared {swept.cleared}, left {swept.left}, {drafts} drafts removed"
