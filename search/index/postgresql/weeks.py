"""The weeks of an archive: how far back a search must go for enough posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from search.query_terms import Filters

_WEEK = 604_800
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Week:
    """A week, counted from 1970, and how many posts the tenants have of it."""

    number: int
    posts: int


def weeks_of(tenants: Sequence[UUID], filters: Filters) -> list[Week]:
    """The weeks that have posts and touch the dates that are asked for, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT word::int, sum(posts)::bigint FROM search_words WHERE tenant_id = ANY(%s)"
            " AND word >= ' ' AND word < '!' AND posts > 0 GROUP BY 1 ORDER BY 1 DESC",
            [list(tenants)],
        )
        found = [Week(number, posts) for number, posts in cursor.fetchall()]
    return [week for week in found if _touches(week.number, filters)]


def _touches(number: int, filters: Filters) -> bool:
    start, end = filters.posted_from, filters.posted_before
    if (start and number < _number(start)) or (end and number > _number(end)):
        return False
    periods = filters.periods
    return not periods or any(_number(a) <= number <= _number(b) for a, b in periods)


def _number(moment: datetime) -> int:
    return int((moment - _EPOCH).total_seconds() // _WEEK)


def take(weeks: Sequence[Week], *, posts: float) -> tuple[list[Week], list[Week]]:
    """Divide the weeks: the first of them that have so many posts, at least one; and the rest."""
    found = 0
    for place, week in enumerate(weeks, start=1):
        found += week.posts
        if found >= posts:
            return list(weeks[:place]), list(weeks[place:])
    return list(weeks), []
