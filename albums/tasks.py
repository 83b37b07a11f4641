from typing import Any

from django.conf import settings
from django.utils import timezone

from albums.services import overdue
from events.sentences import Sentence, gettext_noop

_ASSEMBLED = Sentence(gettext_noop("%(count)s overdue albums assembled"))


def assemble_overdue(**_: Any) -> str:
    count = overdue.assemble_overdue(timeout=settings.ALBUM_TIMEOUT, now=timezone.now())
    return _ASSEMBLED % {"count": count}
