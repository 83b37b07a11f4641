"""Write what a source said of posts: one statement for a batch, whatever its size."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from events.postgresql import arrays
from media.models import Channel, ChannelSource, PostSource


class Observation(NamedTuple):
    """
    A source had a post, with these counts; None is what it does not say.

    Post, version and gaps (`PostSource`) are given for a post that was just written. Otherwise they
    are those in `Post.said_as`, as long as the post still has this fingerprint.
    """

    message_id: int
    post_id: UUID | None
    fingerprint: str | None
    version: str | None
    gaps: int | None
    views: int | None = None
    forwards: int | None = None
    replies: int | None = None
    reactions: int | None = None


_KINDS = "bigint", "uuid", "text", "text", "smallint", "bigint", "bigint", "bigint", "bigint"
_ARRAYS = [arrays.of_texts if kind == "text" else arrays.of_numbers for kind in _KINDS]
_GIVEN = f"""
SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for kind in _KINDS)})
    AS given ({", ".join(Observation._fields)})
"""  # noqa: S608 - names of ours
_NOTE = """
INSERT INTO post_sources AS known (post_id, source_id, version, gaps,
    first_seen_at, last_seen_at, views, forwards, replies, reactions)
SELECT post_id, %s, version, gaps, %s, %s, views, forwards, replies, reactions FROM said
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
"""
_WRITTEN = f"WITH said AS ({_GIVEN}) {_NOTE}"
# OFFSET 0: else the planner reads all posts of the channel to join two thousand of them.
_UNCHANGED = f"""
WITH said AS (
    SELECT posts.id AS post_id, substr(said_as, 2) AS version,
        coalesce(nullif(left(said_as, 1), '')::smallint, 0) AS gaps,
        given.views, given.forwards, given.replies, given.reactions
    FROM ({_GIVEN}) AS given CROSS JOIN LATERAL (
        SELECT id, said_as FROM posts WHERE posts.channel_id = %s
            AND posts.telegram_message_id = given.message_id
            AND posts.source_fingerprint = given.fingerprint
        OFFSET 0
    ) AS posts
), noted AS ({_NOTE})
SELECT count(*) FROM said
"""  # noqa: S608 - statements of ours
_SEEN = """
INSERT INTO post_sources (post_id, source_id, version, gaps, first_seen_at, last_seen_at)
SELECT id, %s, %s, 0, %s, %s FROM posts
WHERE channel_id = %s AND telegram_message_id = ANY(%s::bigint[]) AND NOT EXISTS (
    SELECT FROM post_sources WHERE post_id = posts.id AND source_id = %s
)
ON CONFLICT DO NOTHING
"""


def record_written(source: ChannelSource, said: Sequence[Observation], *, at: datetime) -> None:
    """
    Keep that the source said this of posts that are just written; each post once.

    Repeatable, as all here: what is known is only widened. The channel is locked.
    """
    if said:
        parameters: list[Any] = [*_columns(said), source.pk, at, at]
        with connection.cursor() as cursor:
            cursor.execute(_WRITTEN, parameters)


def record_unchanged(
    channel: Channel, source: ChannelSource, said: Sequence[Observation], *, at: datetime
) -> int:
    """Keep that the source had these posts as they are; return how many still are so."""
    if not said:
        return 0
    parameters: list[Any] = [*_columns(said), channel.pk, source.pk, at, at]
    with connection.cursor() as cursor:
        cursor.execute(_UNCHANGED, parameters)
        [(count,)] = cursor.fetchall()
    return int(count)


def _columns(said: Sequence[Observation]) -> list[str | None]:
    """The columns of the rows; what all leave out is no column at all: `unnest` fills it up."""
    return [
        None if column.count(None) == len(column) else as_array(column)
        for as_array, column in zip(_ARRAYS, zip(*said, strict=True), strict=True)
    ]


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
        arrays.of_numbers(message_ids),
        source.pk,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, given)
