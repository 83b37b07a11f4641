"""Write what a source said of posts: one statement for a batch, whatever its size."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from media.models import Channel, ChannelSource, PostSource


class Observation(NamedTuple):
    """
    A source had a post, with these counts; None is what it does not say.

    Version and gaps (`PostSource`) are those in `Post.said_as`, unless they are given.
    `fingerprint` is that which the post must still have for that, if any.
    """

    message_id: int
    fingerprint: str | None = None
    version: str | None = None
    gaps: int | None = None
    views: int | None = None
    forwards: int | None = None
    replies: int | None = None
    reactions: int | None = None


_COLUMNS = {
    "message_id": "bigint",
    "fingerprint": "text",
    "version": "text",
    "gaps": "smallint",
    "views": "bigint",
    "forwards": "bigint",
    "replies": "bigint",
    "reactions": "bigint",
}
_RECORD = f"""
WITH given AS (
    SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())})
        AS given ({", ".join(_COLUMNS)})
), said AS (
    SELECT posts.id, posts.said_as, given.* FROM given JOIN posts ON posts.channel_id = %s
        AND posts.telegram_message_id = given.message_id
        AND (given.fingerprint IS NULL OR given.fingerprint = posts.source_fingerprint)
), noted AS (
    INSERT INTO post_sources AS known (post_id, source_id, version, gaps,
        first_seen_at, last_seen_at, views, forwards, replies, reactions)
    SELECT id, %s, coalesce(version, substr(said_as, 2)),
        coalesce(gaps, nullif(left(said_as, 1), '')::smallint, 0), %s, %s,
        views, forwards, replies, reactions
    FROM said
    ON CONFLICT (post_id, source_id, version) DO UPDATE SET
        gaps = known.gaps & excluded.gaps,
        first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at),
        views = greatest(known.views, excluded.views),
        forwards = greatest(known.forwards, excluded.forwards),
        replies = greatest(known.replies, excluded.replies),
        reactions = greatest(known.reactions, excluded.reactions)
    -- Not written anew where nothing changes: an export may be imported again and again.
    WHERE known.gaps & excluded.gaps <> known.gaps
        OR excluded.first_seen_at < known.first_seen_at
        OR excluded.last_seen_at > known.last_seen_at
        OR (greatest(known.views, excluded.views), greatest(known.forwards, excluded.forwards),
            greatest(known.replies, excluded.replies),
            greatest(known.reactions, excluded.reactions))
        IS DISTINCT FROM (known.views, known.forwards, known.replies, known.reactions)
)
SELECT count(*) FROM said
"""  # noqa: S608 - names of ours
_SEEN = """
INSERT INTO post_sources (post_id, source_id, version, gaps, first_seen_at, last_seen_at)
SELECT id, %s, %s, 0, %s, %s FROM posts
WHERE channel_id = %s AND telegram_message_id = ANY(%s::bigint[]) AND NOT EXISTS (
    SELECT FROM post_sources WHERE post_id = posts.id AND source_id = %s
)
ON CONFLICT DO NOTHING
"""


def record(
    channel: Channel, source: ChannelSource, said: Sequence[Observation], *, at: datetime
) -> int:
    """
    Keep that the source said this of posts of the channel, which is locked; return of how many.

    Each post once. Repeatable: what is known is only widened.
    """
    if not said:
        return 0
    # What all leave out is sent as no column at all: `unnest` fills it up.
    columns = [
        None if all(value is None for value in column) else list(column)
        for column in zip(*said, strict=True)
    ]
    parameters: list[Any] = [*columns, channel.pk, source.pk, at, at]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, parameters)
        [(count,)] = cursor.fetchall()
    return int(count)


def record_seen(
    channel: Channel, source: ChannelSource, message_ids: Sequence[int], *, at: datetime
) -> None:
    """Keep that the source has these posts, of which it could not be read what they are."""
    if not message_ids:
        return
    given: list[Any] = [
        source.pk,
        PostSource.SEEN,
        at,
        at,
        channel.pk,
        list(message_ids),
        source.pk,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, given)
