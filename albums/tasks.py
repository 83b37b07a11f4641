from typing import Any

from django.conf import settings
from django.utils import timezone

from albums.services import assemble


def assemble_overdue(**_: Any) -> str:
    count = assemble.assemble_overdue(timeout=settings.ALBUM_TIMEOUT, now=timezone.now())
    return f"{count} overdue albums assembled"
