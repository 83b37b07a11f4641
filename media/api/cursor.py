"""Pages of rows by time and key: what is inserted or deleted meanwhile moves nobody's next page."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

_FILTER_DIGITS: Final = 12
NEWEST_FIRST: Final = ("-posted_at", "-id")


class Posted(Protocol):
    """A row with a time and a key, such as a post."""

    pk: Any
    posted_at: Any


Row = TypeVar("Row", bound=Any)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows of a page; `next` is the cursor of the page after it, None at the end."""

    rows: list[Row]
    next: str | None


def read_page(
    found: QuerySet[Row],
    *,
    cursor: str,
    size: int,
    filters: Mapping[str, Any],
    key: Callable[[str], Any] = UUID,
) -> Page[Row]:
    """
    Read the page that follows `cursor`, the first one where it is empty.

    A cursor belongs to the filters it came with; `key` reads the key of a row from text. Raises
    ValidationError.
    """
    behind = _behind(*_decoded(cursor, filters, key)) if cursor else Q()
    rows = list(found.filter(behind).order_by(*NEWEST_FIRST)[: size + 1])
    page = rows[:size]
    return Page(page, _encoded(page[-1], filters) if len(rows) > size else None)


def _behind(posted_at: datetime, pk: Any) -> Q:
    # `<=` follows from the OR, but PostgreSQL does not see that: the index scan would start anew.
    return Q(posted_at__lte=posted_at) & (Q(posted_at__lt=posted_at) | Q(pk__lt=pk))


def _encoded(last: Posted, filters: Mapping[str, Any]) -> str:
    told = json.dumps([last.posted_at.isoformat(), str(last.pk), _digest(filters)])
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def _decoded(
    cursor: str, filters: Mapping[str, Any], key: Callable[[str], Any]
) -> tuple[datetime, Any]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        posted_at, pk, digest = json.loads(raw)
        moment = datetime.fromisoformat(posted_at)
        # In UTC: PostgreSQL takes no zone that is 16 hours away.
        place = (moment.astimezone(UTC) if moment.tzinfo else moment), key(pk)
    except (binascii.Error, ArithmeticError, ValueError, TypeError, AttributeError,
            RecursionError) as error:  # fmt: skip
        raise ValidationError({"cursor": _("This is no cursor that was returned here.")}) from error
    if digest != _digest(filters):
        raise ValidationError({"cursor": _("This cursor belongs to other filters.")})
    if place[0].tzinfo is None:
        raise ValidationError({"cursor": _("This is no cursor that was returned here.")})
    return place


def _digest(filters: Mapping[str, Any]) -> str:
    told = json.dumps(sorted((name, str(value)) for name, value in filters.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:_FILTER_DIGITS]
