from typing import Any

from django.conf import settings
from django.utils import timezone

from albums.services import overdue


def assemble_overdue(**_: Any) -> str:
    count = overdue.assemble_overdue(timeout=settings.ALBUM_TIMEOUT, now=timezone.now())
    return f"{count} overdue albums assembled"
