"""Counts of posts with their time: what exports said, and what was read from Telegram."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from events.errors import RetryLater
from events.postgresql import arrays, one_trip
from media.history.counts.schedule import bucket_of, due_after
from media.models import Channel, CountsDue, Post, PostCounts, PostSource

METRICS: Final = ("views", "forwards", "replies", "reactions")


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of a post at an instant; None is what was not said."""

    at: datetime
    views: int | None = None
    forwards: int | None = None
    replies: int | None = None
    reactions: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The counts of a message, as Telegram says them now."""

    message_id: int
    views: int | None = None
    forwards: int | None = None
    replies: int | None = None
    reactions: int | None = None


class Dated(Protocol):
    """A post as far as its readings go: a row of `Post`, or what was read of one."""

    @property
    def pk(self) -> UUID: ...
    @property
    def posted_at(self) -> datetime: ...


class CountsSource(Protocol):
    """
    Reads the counts of messages again.

    A message that is not there any more is left out. Raises RetryLater where Telegram asks for
    patience; never touches the database.
    """

    def read_counts(self, channel: Channel, message_ids: Sequence[int]) -> Iterator[Reading]: ...


def counts_of(post: Post, said: Iterable[PostSource]) -> list[Counted]:
    """All counts of a post that are kept, the earliest first."""
    found = {_counted(row.last_seen_at, row) for row in said if _says_counts(row)}
    found |= {_counted(row.read_at, row) for row in PostCounts.objects.filter(post=post)}
    return sorted(found, key=lambda one: (one.at, *(getattr(one, m) or 0 for m in METRICS)))


def _says_counts(row: PostSource) -> bool:
    return any(getattr(row, metric) is not None for metric in METRICS)


def _counted(at: datetime, row: PostSource | PostCounts) -> Counted:
    return Counted(at, row.views, row.forwards, row.replies, row.reactions)


def record(posts: Mapping[int, Dated], readings: Iterable[Reading], *, at: datetime) -> int:
    """
    Keep readings of `posts`, by message id, and show the newest in the rows; return how many.

    Of each interval of the schedule the last reading is kept, whatever the order they come in.
    """
    rows = [
        (
            posts[one.message_id].pk,
            bucket_of(at - posts[one.message_id].posted_at),
            *(getattr(one, metric) for metric in METRICS),
        )
        for one in readings
        if one.message_id in posts
    ]
    if rows:
        columns = [arrays.of_numbers(column) for column in zip(*rows, strict=True)]
        one_trip.fetch((_KEEP, [at, *columns]), (_SHOW, [columns[0]]))
    return len(rows)


_KEEP = """
INSERT INTO post_counts AS kept (post_id, bucket, read_at, views, forwards, replies, reactions)
SELECT post_id, bucket, %s, views, forwards, replies, reactions
FROM unnest(%s::uuid[], %s::smallint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
    AS given (post_id, bucket, views, forwards, replies, reactions)
ON CONFLICT (post_id, bucket) DO UPDATE SET read_at = excluded.read_at, views = excluded.views,
    forwards = excluded.forwards, replies = excluded.replies, reactions = excluded.reactions
WHERE excluded.read_at > kept.read_at
"""
_SHOW = """
UPDATE posts SET views_count = coalesce(last.views, views_count),
    forwards_count = coalesce(last.forwards, forwards_count),
    replies_count = coalesce(last.replies, replies_count),
    reactions_count = coalesce(last.reactions, reactions_count),
    updated_at = now()
FROM (
    SELECT DISTINCT ON (post_id) * FROM post_counts WHERE post_id = ANY(%s::uuid[])
    ORDER BY post_id, read_at DESC
) AS last
WHERE posts.id = last.post_id AND (views_count, forwards_count, replies_count, reactions_count)
    IS DISTINCT FROM (coalesce(last.views, views_count), coalesce(last.forwards, forwards_count),
        coalesce(last.replies, replies_count), coalesce(last.reactions, reactions_count))
"""


def follow(posts: Iterable[Dated], *, now: datetime) -> None:
    """Read the counts of these posts again from now on; those that are followed stay as they are."""
    rows = [(post.pk, due_after(now, posted_at=post.posted_at)) for post in posts]
    if rows:
        posts_due, due_at = zip(*rows, strict=True)
        at = arrays.of_texts(time.isoformat() for time in due_at)
        one_trip.fetch((_FOLLOW, [arrays.of_numbers(posts_due), at]))


_FOLLOW = """
INSERT INTO post_counts_due (post_id, due_at) SELECT * FROM unnest(%s::uuid[], %s::timestamptz[])
ON CONFLICT DO NOTHING
"""


def read_due(source: CountsSource, channel: Channel, *, now: datetime, most: int = 100) -> int:
    """
    Read the counts of the posts of a channel that are due, the longest due first; return how many.

    Safe to interrupt and to repeat: what was read is kept, the rest stays due. Raises RetryLater
    where the source does.
    """
    due = CountsDue.objects.filter(
        post__channel=channel, post__deleted_at__isnull=True, due_at__lte=now
    )
    posts = {
        row.post.telegram_message_id: row.post
        for row in due.select_related("post").order_by("due_at")[:most]
    }
    if not posts:
        return 0
    found: list[Reading] = []
    try:
        for reading in source.read_counts(channel, list(posts)):
            found.append(reading)  # noqa: PERF402 - what was read before a failure counts
    except RetryLater:
        read = [posts[one.message_id] for one in found if one.message_id in posts]
        record(posts, found, at=now)
        _postpone(read, now=now)
        raise
    _postpone(posts.values(), now=now)
    return record(posts, found, at=now)


def _postpone(posts: Iterable[Post], *, now: datetime) -> None:
    rows = [CountsDue(post=p, due_at=due_after(now, posted_at=p.posted_at)) for p in posts]
    CountsDue.objects.bulk_update(rows, ["due_at"])


def channels_due(*, now: datetime) -> list[UUID]:
    """The ids of the channels with posts whose counts are due."""
    due = CountsDue.objects.filter(due_at__lte=now, post__deleted_at__isnull=True)
    return list(due.order_by().values_list("post__channel", flat=True).distinct())
