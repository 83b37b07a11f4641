"""
What sources say of messages that the archive has no post of: kept until an older export brings it.

Without it a deletion that Telegram told would be forgotten, and a message that a newer export has, but
could not be read, be taken for deleted.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from events.postgresql import arrays
from media.models import ChannelSource

_KEEP = """
INSERT INTO message_sources AS known
    (source_id, telegram_message_id, version, first_seen_at, last_seen_at)
SELECT DISTINCT %s::bigint, told.id, %s::text, %s::timestamptz, %s::timestamptz
FROM unnest(%s::bigint[]) AS told (id)
WHERE NOT EXISTS (SELECT FROM posts WHERE channel_id = %s AND telegram_message_id = told.id)
ON CONFLICT (source_id, telegram_message_id, version) DO UPDATE SET
    first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)
"""
_HAND_OVER = """
WITH taken AS (
    DELETE FROM message_sources AS said USING channel_sources AS source, posts
    WHERE said.source_id = source.id AND source.channel_id = posts.channel_id
        AND posts.channel_id = %s AND posts.telegram_message_id = said.telegram_message_id
        AND said.telegram_message_id BETWEEN %s AND %s
    RETURNING posts.id, said.source_id, said.version, said.first_seen_at, said.last_seen_at
)
INSERT INTO post_sources (post_id, source_id, version, gaps, first_seen_at, last_seen_at)
SELECT id, source_id, version, 0, first_seen_at, last_seen_at FROM taken
ON CONFLICT DO NOTHING
"""


def keep(
    source: ChannelSource, version: str, message_ids: Collection[int], *, at: datetime
) -> None:
    """Keep DELETED or SEEN of those messages that have no post. The channel is locked."""
    if message_ids:
        ids = arrays.of_numbers(message_ids)
        given: list[Any] = [source.pk, version, at, at, ids, source.channel_id]
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, given)


def hand_over(channel: UUID, *, first: int, last: int) -> None:
    """Let what is kept of these message ids be said of their posts, as far as there are any now."""
    with connection.cursor() as cursor:
        cursor.execute(_HAND_OVER, [channel, first, last])
