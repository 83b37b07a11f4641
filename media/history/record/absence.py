"""
Posts that are not in their channel any more: marked with the time of their deletion, and kept.

An export that has posts before and after one, but not that one, says that it was deleted by then.
Nothing else follows from the mark: no file is deleted, no quota given back.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from events.outbox.publishing import publish_many
from events.postgresql import one_trip
from events.schemas import PostDeletionEventV1
from media.history.record import mass_deletions, unposted
from media.models import Channel, ChannelSource, PostSource

_SETTLE = """
UPDATE posts SET deleted_at = found.at, deletion = found.how, updated_at = now()
FROM (
    SELECT posts.id, gone.at, coalesce(gone.how, '') AS how, posts.deleted_at AS before FROM posts
    CROSS JOIN LATERAL (
        SELECT max(last_seen_at) AS at FROM post_sources
        WHERE post_id = posts.id AND version <> %(deleted)s
    ) AS present
    LEFT JOIN LATERAL (
        SELECT CASE WHEN present.at IS NULL OR first_seen_at >= present.at THEN first_seen_at
            ELSE last_seen_at END AS at, 'live' AS how
        FROM post_sources WHERE post_id = posts.id AND version = %(deleted)s
            AND (present.at IS NULL OR last_seen_at >= present.at)
        UNION ALL
        SELECT moment, 'absent' FROM channel_sources AS source
        WHERE source.channel_id = posts.channel_id AND source.is_complete
            AND posts.telegram_message_id BETWEEN source.covered_from AND source.covered_to
            AND source.moment > present.at
            AND NOT EXISTS (
                SELECT FROM post_sources WHERE post_id = posts.id AND source_id = source.id
            )
        ORDER BY at, how LIMIT 1
    ) AS gone ON true
    WHERE posts.channel_id = %(channel)s
        AND posts.telegram_message_id BETWEEN %(first)s AND %(last)s
) AS found
WHERE posts.id = found.id
    AND (posts.deleted_at, posts.deletion) IS DISTINCT FROM (found.at, found.how)
RETURNING posts.id, posts.deleted_at, posts.deletion, clock_timestamp(), found.before
"""
_MAY_LACK = """
SELECT count(*) > 1 OR bool_or(kind = 'live'),
    bool_or(EXISTS (SELECT FROM message_sources WHERE source_id = source.id))
FROM channel_sources AS source
WHERE channel_id = %s AND (covered_to IS NOT NULL OR kind = 'live')
"""


@dataclass(frozen=True, slots=True)
class _Changed:
    """A post whose mark changed `at` a time; `before` is when it was deleted as far as was known."""

    post_id: UUID
    deleted_at: datetime | None
    deletion: Literal["", "live", "absent"]
    at: datetime
    before: datetime | None

    @property
    def is_news(self) -> bool:
        """Whether it is deleted now and was not, or the other way round; more may only be known."""
        return (self.before is None) != (self.deleted_at is None)


def cover(source: ChannelSource, *, after_id: int | None, ids: Sequence[int], whole: bool) -> None:
    """
    Note that the source was read without a gap from `after_id`, or the first id, to the last.

    Ids that do not ascend, or a record without one, say that nothing may be concluded.
    """
    if not source.is_complete or not ids:
        return
    first = ids[0] if after_id is None else after_id
    if not whole or list(ids) != sorted(ids) or first > ids[0]:
        ChannelSource.objects.filter(pk=source.pk).update(is_complete=False)
        return
    known = source.covered_from, source.covered_to
    covered = _united(known, (first, ids[-1]))
    if covered != known:
        ChannelSource.objects.filter(pk=source.pk).update(
            covered_from=covered[0], covered_to=covered[1]
        )


def _united(
    known: tuple[int | None, int | None], read: tuple[int, int]
) -> tuple[int | None, int | None]:
    """Unite two stretches; of those with a gap between them, the known one counts."""
    if known[0] is None or known[1] is None:
        return read
    if read[0] > known[1] or read[1] < known[0]:
        return known
    return min(known[0], read[0]), max(known[1], read[1])


def settle(channel: Channel, *, after_id: int | None, ids: Sequence[int]) -> Counter[str]:
    """
    Find anew which posts from `after_id` to the last id are deleted; return how many changed.

    `posts.deletion` tells of each, in the transaction that the caller has.

    The counts are `deleted` and `undeleted`, and `mass_deletions` for those of whole channels.
    """
    counts: Counter[str] = Counter()
    if not ids:
        return counts
    may_lack, is_said_before = _may_lack_posts(channel)
    if not may_lack:
        return counts
    first, last = min(ids) if after_id is None else min(after_id, *ids), max(ids)
    if is_said_before:
        unposted.hand_over(channel.pk, first=first, last=last)
    given: dict[str, Any] = {
        "deleted": PostSource.DELETED,
        "channel": channel.pk,
        "first": first,
        "last": last,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, given)
        changed = [_Changed(*row) for row in cursor.fetchall()]
    counts.update("deleted" if one.deleted_at else "undeleted" for one in changed)
    publish_many([_event(one, channel) for one in changed if one.is_news])
    if counts:
        counts["mass_deletions"] += mass_deletions.find(channel)
    return +counts


def _event(one: _Changed, channel: Channel) -> PostDeletionEventV1:
    return PostDeletionEventV1(
        tenant_id=str(channel.tenant_id),
        idempotency_key=f"{one.post_id}:deletion:{one.at.isoformat()}",
        post_id=str(one.post_id),
        channel_id=str(channel.pk),
        deleted_at=one.deleted_at,
        deletion=one.deletion,
    )


def _may_lack_posts(channel: Channel) -> tuple[bool, bool]:
    """
    Whether there is a second source that could lack what the first one has, or a live one; and
    whether any of them said something of messages before their posts came.
    """
    [[(may, is_said_before)]] = one_trip.fetch((_MAY_LACK, [channel.pk]))
    return bool(may), bool(is_said_before)
