"""The system check of limits of time: it loads all that has one only where somebody has set one."""

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core import checks

from events.management.json_command import CONFIGURATION
from telegram_assistant.config.vision import Albums

SET: Final = {
    "GIGACHAT": ("vision_timeout",),
    "VISION": ("vision_ocr_timeout_sec",),
    "SEARCH": ("encoder_timeout_sec",),
    "S3": ("read_timeout_sec", "connect_timeout_sec", "max_retry_attempts"),
}
"""Groups of settings with their fields that `time_limits` compares."""


@checks.register(CONFIGURATION)
def inner_limits_fit(**_: Any) -> list[checks.CheckMessage]:
    """Refuse to start where an inner limit is as long as the outer one; the defaults are not."""
    if not any(_set()):
        return []
    from telegram_assistant.config import time_limits  # noqa: PLC0415 - late

    return time_limits.problems()


def _set() -> Iterator[bool]:
    """Whether each limit is another one than its default."""
    for group, names in SET.items():
        given = getattr(settings, group)
        for name in names:
            yield getattr(given, name) != type(given).model_fields[name].default
    minutes = settings.ALBUM_TIMEOUT.total_seconds() / 60
    yield minutes != Albums.model_fields["timeout_minutes"].default
