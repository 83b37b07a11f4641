"""Pages of posts by key: what is inserted or deleted meanwhile moves nobody's next page."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from media.models import Post

_FILTER_DIGITS: Final = 12
NEWEST_FIRST: Final = ("-posted_at", "-id")


@dataclass(frozen=True, slots=True)
class Page:
    """Posts of a page; `next` is the cursor of the page after it, None at the end."""

    posts: list[Post]
    next: str | None


def read_page(posts: QuerySet[Post], *, cursor: str, size: int, filters: Mapping[str, Any]) -> Page:
    """
    Read the page that follows `cursor`, the first one where it is empty.

    A cursor belongs to the filters it came with. Raises ValidationError.
    """
    behind = _behind(*_decoded(cursor, filters)) if cursor else Q()
    rows = list(posts.filter(behind).order_by(*NEWEST_FIRST)[: size + 1])
    page = rows[:size]
    return Page(page, _encoded(page[-1], filters) if len(rows) > size else None)


def _behind(posted_at: datetime, pk: UUID) -> Q:
    # `<=` follows from the OR, but PostgreSQL does not see that: the index scan would start anew.
    return Q(posted_at__lte=posted_at) & (Q(posted_at__lt=posted_at) | Q(pk__lt=pk))


def _encoded(last: Post, filters: Mapping[str, Any]) -> str:
    told = json.dumps([last.posted_at.isoformat(), last.pk.hex, _digest(filters)])
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def _decoded(cursor: str, filters: Mapping[str, Any]) -> tuple[datetime, UUID]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        posted_at, pk, digest = json.loads(raw)
        place = datetime.fromisoformat(posted_at), UUID(pk)
    except (binascii.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValidationError({"cursor": _("This is no cursor that was returned here.")}) from error
    if digest != _digest(filters):
        raise ValidationError({"cursor": _("This cursor belongs to other filters.")})
    if place[0].tzinfo is None:
        raise ValidationError({"cursor": _("This is no cursor that was returned here.")})
    return place


def _digest(filters: Mapping[str, Any]) -> str:
    told = json.dumps(sorted((name, str(value)) for name, value in filters.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:_FILTER_DIGITS]
