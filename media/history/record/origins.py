"""The sources of a channel as its history knows them: exports by their age, accounts by name."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from events.postgresql import one_trip
from media.models import Channel, ChannelSource, ChannelState, ImportRun, SourceKind
from media.sources.port import Chat

_AGE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z/")


@dataclass(frozen=True, slots=True)
class Origin:
    """
    A source, and when it was as it is read: the moment of an export, now for a live source.

    `chat` is the channel as the source has it. `is_whole` says that a post it has not, between
    two that it has, is not in the channel.
    """

    kind: SourceKind
    name: str
    moment: datetime
    chat: Chat | None = None
    run: ImportRun | None = None
    is_whole: bool = False


def export_origin(
    as_of: str, *, now: datetime, chat: Chat | None = None, run: ImportRun | None = None
) -> Origin:
    """Make the origin of an export out of its age (`Chat.as_of`); `now` where it has none."""
    # An export of a group may hold only the messages of who made it.
    is_whole = chat is not None and chat.kind.endswith("channel")
    moment = moment_of(as_of) or now
    return Origin(SourceKind.EXPORT, as_of[:64], moment, chat, run, is_whole)


def live_origin(account: str, *, now: datetime, chat: Chat | None = None) -> Origin:
    """Make the origin of what a Telegram account reads now."""
    return Origin(SourceKind.LIVE, account[:64], now, chat)


def moment_of(as_of: str) -> datetime | None:
    """Read the time in the age of an export: that of its latest date or edit."""
    found = _AGE.match(as_of)
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else None


def without_reading(name: str) -> str:
    """Name an export whichever way it was read (`Chat.as_of` ends with the number of that)."""
    return name.rpartition("/")[0] if name.count("/") > 1 else name


def save_source(channel: Channel, origin: Origin) -> ChannelSource:
    """Find or add the row of a source; what it says of the channel is kept as well."""
    known_as = f"{one_trip.every(ChannelSource)} WHERE channel_id = %s AND kind = %s AND name = %s"
    [rows] = one_trip.fetch((known_as, [channel.pk, origin.kind, origin.name]))
    for known in one_trip.objects(ChannelSource, rows):
        return known
    moment = origin.moment if origin.kind == SourceKind.EXPORT else None
    source, created = ChannelSource.objects.get_or_create(
        channel=channel,
        kind=origin.kind,
        name=origin.name,
        defaults={"moment": moment, "run": origin.run},
    )
    if created and origin.chat is not None:
        save_state(channel, source, origin.chat, at=origin.moment)
    return source


def save_state(channel: Channel, source: ChannelSource, chat: Chat, *, at: datetime) -> None:
    """Keep how a source saw the channel; an unchanged state of a live source is kept once."""
    state = ChannelState(
        channel=channel,
        source=source,
        seen_at=at,
        title=chat.title[:255],
        username=chat.username[:64],
        kind=chat.kind[:32],
    )
    last = source.states.order_by("-seen_at").first()
    if last is not None:  # which id it had is said once, and stays true
        state.migrated_from, state.migrated_to = last.migrated_from, last.migrated_to
    if last is None or _facts(last) != _facts(state):
        ChannelState.objects.bulk_create([state], ignore_conflicts=True)


def _facts(state: ChannelState) -> tuple[object, ...]:
    return (
        state.title, state.username, state.kind, state.migrated_from, state.migrated_to,
        state.is_private,
    )  # fmt: skip
