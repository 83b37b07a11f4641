"""The weeks of an archive: how far back a search must go for enough posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from search.query_terms import Filters

_WEEK = 604_800
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEVELS = 5
_LEVEL = 100_000
"""What `search_keys` adds to the numbers of each level."""
_LAST = 4095
"""A week in the year 2048."""


@dataclass(frozen=True, slots=True)
class Week:
    """A week, counted from 1970, and how many posts the tenants have of it."""

    number: int
    posts: int


def newest_first(tenants: Sequence[UUID], within: tuple[int, int] | None) -> list[Week]:
    """The weeks that have posts, newest first."""
    first, last = within or (0, _LAST)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT word::int, sum(posts)::bigint FROM search_words WHERE tenant_id = ANY(%s)"
            " AND word >= ' ' AND word < '!' AND posts > 0 GROUP BY 1 ORDER BY 1 DESC",
            [list(tenants)],
        )
        return [Week(week, posts) for week, posts in cursor.fetchall() if first <= week <= last]


def take(weeks: Sequence[Week], *, posts: float) -> tuple[list[Week], list[Week]]:
    """Divide the weeks: the first of them that have so many posts, at least one; and the rest."""
    found = 0
    for place, week in enumerate(weeks, start=1):
        found += week.posts
        if found >= posts:
            return list(weeks[:place]), list(weeks[place:])
    return list(weeks), []


def weeks_of(filters: Filters) -> tuple[int, int] | None:
    """The first and the last week that the dates of the conditions touch; None without dates."""
    starts = [start for start, _ in filters.periods]
    ends = [end for _, end in filters.periods]
    since = max(filter(None, (filters.posted_from, min(starts, default=None))), default=None)
    until = min(filter(None, (filters.posted_before, max(ends, default=None))), default=None)
    if since is None and until is None:
        return None
    return _number(since) if since else 0, _number(until) if until else _LAST


def _number(moment: datetime) -> int:
    week = int((moment - _EPOCH).total_seconds() // _WEEK)
    return min(max(week, 0), _LAST)


def spans(first: int, last: int) -> list[int]:
    """
    The fewest keys of posts that make up the weeks from `first` to `last`.

    They are weeks at both ends, and ever longer spans between: of 5000 weeks some twenty.
    """
    found: list[int] = []
    for level in range(_LEVELS):
        is_last_level = level == _LEVELS - 1
        while first <= last and (first % 4 or is_last_level):
            found.append(level * _LEVEL + first)
            first += 1
        while first <= last and (last % 4 != 3):  # noqa: PLR2004 - the last of four
            found.append(level * _LEVEL + last)
            last -= 1
        if first > last:
            break
        first, last = first // 4, last // 4
    return found
