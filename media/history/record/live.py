"""What a source that listens to Telegram tells: deletions, and what becomes of a channel."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import connection, transaction

from events.postgresql import one_trip
from media.history.record import absence, unposted
from media.history.record.origins import Origin, save_source, save_state
from media.models import Channel, ChannelSource, ChannelState, PostSource
from media.sources.port import Chat

_DELETE = """
INSERT INTO post_sources AS known (post_id, source_id, version, gaps, first_seen_at, last_seen_at)
SELECT id, %s, %s, 0, %s, %s FROM posts
WHERE channel_id = %s AND telegram_message_id = ANY(%s::bigint[])
ON CONFLICT (post_id, source_id, version) DO UPDATE SET
    first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)
"""


@transaction.atomic
def record_deletions(
    channel: Channel, message_ids: Sequence[int], *, origin: Origin, at: datetime
) -> int:
    """
    Mark posts as deleted at `at`; return how many were not.

    They stay in the archive with their files, however many they are, and lose the mark when a
    source has them again. Repeatable; ids that the archive does not have are kept for the case that
    an older export brings them.
    """
    ids = list(message_ids)
    if not ids:
        return 0
    one_trip.locked(Channel, channel.pk)
    source = save_source(channel, origin)
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, [source.pk, PostSource.DELETED, at, at, channel.pk, ids])
    unposted.keep(source, PostSource.DELETED, ids, at=at)
    return absence.settle(channel, after_id=None, ids=ids)["deleted"]


@transaction.atomic
def record_channel(channel: Channel, *, origin: Origin, chat: Chat) -> None:
    """Keep title, public name and kind of a channel as a live source sees them now."""
    one_trip.locked(Channel, channel.pk)
    source = save_source(channel, replace(origin, chat=None))
    save_state(channel, source, chat, at=origin.moment)


def record_private(channel: Channel, *, origin: Origin) -> None:
    """Keep that the source may not read the channel any more."""
    _record(channel, origin, is_private=True)


def record_migrated_from(channel: Channel, tg_channel_id: int, *, origin: Origin) -> None:
    """Keep which id the group had before; the archive need not have it under that id."""
    known = Channel.objects.filter(tenant=channel.tenant_id, tg_channel_id=tg_channel_id).first()
    if known is not None:
        record_migration(known, channel, origin=origin)
    else:
        _record(channel, origin, migrated_from=tg_channel_id)


def record_migration(old: Channel, new: Channel, *, origin: Origin) -> None:
    """Keep that Telegram gave a group another id: both channels name each other from now on."""
    _record(old, origin, migrated_to=new.tg_channel_id)
    _record(new, origin, migrated_from=old.tg_channel_id)


@transaction.atomic
def _record(channel: Channel, origin: Origin, **facts: object) -> None:
    one_trip.locked(Channel, channel.pk)
    source: ChannelSource = save_source(channel, replace(origin, chat=None))
    last = source.states.order_by("-seen_at").first()
    if last is not None:  # one fact does not unsay the other ones
        said = {"migrated_from": last.migrated_from, "migrated_to": last.migrated_to}
        facts = said | facts
    state = last or ChannelState(title=channel.title, username=channel.username, kind=channel.kind)
    if last is not None and all(getattr(last, name) == value for name, value in facts.items()):
        return
    ChannelState.objects.bulk_create(
        [
            ChannelState(
                channel=channel,
                source=source,
                seen_at=origin.moment,
                **{name: getattr(state, name) for name in ("title", "username", "kind")},
                **facts,
            )
        ],
        ignore_conflicts=True,
    )
