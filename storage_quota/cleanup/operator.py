"""The cleanup a person asks for: the same run as in an emergency, to a target of his own."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings

from storage_quota import cleanup, selectors
from storage_quota.cleanup import Freed

PATIENCE_SECONDS: Final = 20
"""Somebody waits for the answer, and web servers end requests that take half a minute."""


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What was asked for and what came of it. Usage is what limits count, promises included."""

    target_bytes: int
    before_bytes: int
    after_bytes: int
    freed: Freed

    @property
    def target_free_bytes(self) -> int:
        return max(0, settings.LIMITS.total_bytes - self.target_bytes)


def clean_up(*, force: bool, target_free_bytes: int | None, now: datetime) -> Cleaning:
    """
    Make room until so many bytes of the bucket are free; None leaves the configured usage.

    Only what the emergency cleanup may take goes, however much is asked for, and below the
    emergency threshold nothing does unless `force`. Raises CleanupRunning.
    """
    target_bytes = settings.CLEANUP.target_bytes
    if target_free_bytes is not None:
        target_bytes = max(0, settings.LIMITS.total_bytes - target_free_bytes)
    before_bytes = selectors.taken_in_all()
    freed = Freed()
    if force or before_bytes >= settings.LIMITS.emergency_bytes:
        until = time.monotonic() + PATIENCE_SECONDS
        freed = cleanup.run(target_bytes=target_bytes, trigger="operator", now=now, until=until)
    return Cleaning(target_bytes, before_bytes, selectors.taken_in_all(), freed)
