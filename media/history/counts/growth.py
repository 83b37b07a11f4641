"""The fastest growing posts of a day, by one of their counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Tenant
from media.history.counts.readings import METRICS
from media.models import Post

MOST_POSTS: Final = 100


@dataclass(frozen=True, slots=True)
class Grown:
    """How much a count of a post grew between two readings; `since` is None for a new post."""

    post: Post
    growth: int
    value: int
    since: datetime | None
    until: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """The instants between which a day lies."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, day: date, zone: tzinfo) -> "Day":
        """Any day of a time zone: not always 24 hours long; the last one has no day after it."""
        start = datetime.combine(day, time(), zone)
        if day == date.max:
            return cls(start, datetime.max.replace(tzinfo=zone))
        return cls(start, datetime.combine(day + timedelta(days=1), time(), zone))


_GROWN = """
WITH of_the_day AS (
    SELECT DISTINCT ON (post_id) post_id, at, value FROM (
        SELECT post_id, read_at AS at, {metric} AS value FROM post_counts
        WHERE read_at >= %(start)s AND read_at < %(end)s
        UNION ALL
        SELECT said.post_id, said.last_seen_at, said.{metric} FROM channel_sources AS source
        JOIN posts ON posts.channel_id = source.channel_id
        JOIN post_sources AS said ON said.post_id = posts.id AND said.source_id = source.id
        WHERE source.moment >= %(start)s AND source.moment < %(end)s
    ) AS readings
    WHERE value IS NOT NULL ORDER BY post_id, at DESC, value DESC
), grown AS (
    SELECT post_id, of_the_day.value, of_the_day.at AS until, before.at AS since,
        of_the_day.value - coalesce(before.value, 0) AS growth, before.value IS NULL AS is_first
    FROM of_the_day LEFT JOIN LATERAL (
        SELECT at, value FROM (
            SELECT read_at AS at, {metric} AS value FROM post_counts
            WHERE post_counts.post_id = of_the_day.post_id
            UNION ALL
            SELECT last_seen_at, {metric} FROM post_sources
            WHERE post_sources.post_id = of_the_day.post_id
        ) AS earlier
        WHERE value IS NOT NULL AND at < %(start)s ORDER BY at DESC, value DESC LIMIT 1
    ) AS before ON true
)
SELECT grown.post_id, growth, grown.value, since, until FROM grown
JOIN posts ON posts.id = grown.post_id
WHERE posts.tenant_id = ANY(%(tenants)s) AND growth > 0
    AND (NOT is_first OR posts.posted_at >= %(start)s)
ORDER BY growth DESC, grown.post_id LIMIT %(most)s
"""


def fastest_growing(
    day: Day, tenants: QuerySet[Tenant] | Sequence[UUID], *, metric: str, most: int = 10
) -> list[Grown]:
    """
    Find the posts of these tenants whose count grew most on a day, the fastest first.

    Growth is the last reading of the day less the last one before it; a post of that day began
    with none. An older post that was not read before that day is left out: its growth is unknown.
    """
    if metric not in METRICS:
        raise ValueError(metric)
    ids = list(tenants.values_list("pk", flat=True) if isinstance(tenants, QuerySet) else tenants)
    given: dict[str, Any] = {
        "start": day.start,
        "end": day.end,
        "tenants": ids,
        "most": min(most, MOST_POSTS),
    }
    with connection.cursor() as cursor:
        cursor.execute(_GROWN.format(metric=metric), given)
        rows = cursor.fetchall()
    posts = Post.objects.select_related("channel").in_bulk([row[0] for row in rows])
    return [Grown(posts[row[0]], *row[1:]) for row in rows]
