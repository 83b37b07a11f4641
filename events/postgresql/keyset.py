"""Reads a large table page by page, by key instead of OFFSET."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


def pages(
    rows: QuerySet[Row], *order: str, size: int, limit: int | None = None
) -> Iterator[list[Row]]:
    """
    Yield the rows in lists of at most `size`, `limit` rows in all.

    `order` names fields as `order_by` does, all ascending or all descending; the last is unique.
    Every page is a statement of its own: the caller may write and commit between two pages, and
    rows that are added behind the last page are still found.
    """
    compare = "lt" if order[0].startswith("-") else "gt"
    fields = [name.removeprefix("-") for name in order]
    behind, left = Q(), limit
    while page := list(rows.filter(behind).order_by(*order)[: _page_size(size, left)]):
        yield page
        behind = _behind(page[-1], fields, compare)
        left = None if left is None else left - len(page)


def _page_size(size: int, left: int | None) -> int:
    return size if left is None else min(size, left)


def _behind(last: Model, fields: Sequence[str], compare: str) -> Q:
    """The rows that follow `last` in the order of `fields`."""
    first, *rest = fields
    value = getattr(last, first)
    further = Q(**{f"{first}__{compare}": value})
    if not rest:
        return further
    # `first >= value` follows from the OR, but PostgreSQL does not see that: without it the index
    # scan would start at the beginning and filter the pages that were read before.
    return Q(**{f"{first}__{compare}e": value}) & (further | _behind(last, rest, compare))
