"""The cleanup that an operator starts: the same as in an emergency, with a chosen target."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings

from storage_quota import cleanup, selectors
from storage_quota.cleanup import CleanupResult

PATIENCE_SECONDS: Final = 20
"""A person waits for the response, and web servers end requests after half a minute."""


@dataclass(frozen=True, slots=True)
class OperatorCleanup:
    """The target and the result. Usage is what the limits count, reservations included."""

    target_bytes: int
    before_bytes: int
    after_bytes: int
    freed: CleanupResult

    @property
    def target_free_bytes(self) -> int:
        return max(0, settings.LIMITS.total_bytes - self.target_bytes)


def clean_up(*, force: bool, target_free_bytes: int | None, now: datetime) -> OperatorCleanup:
    """
    Clean up until `target_free_bytes` of the bucket are free; None is the configured target.

    Deletes only what the emergency cleanup may delete, and nothing while usage is below the
    emergency threshold, unless `force`. Raises CleanupRunning.
    """
    target_bytes = settings.CLEANUP.target_bytes
    if target_free_bytes is not None:
        target_bytes = max(0, settings.LIMITS.total_bytes - target_free_bytes)
    before_bytes = selectors.taken_in_all()
    freed = CleanupResult()
    if force or before_bytes >= settings.LIMITS.emergency_bytes:
        until = time.monotonic() + PATIENCE_SECONDS
        freed = cleanup.run(target_bytes=target_bytes, trigger="operator", now=now, until=until)
    return OperatorCleanup(target_bytes, before_bytes, selectors.taken_in_all(), freed)
