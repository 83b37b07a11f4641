"""What a batch of messages will change: files are read, nothing is written yet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from media.models import Channel, MediaState, Post
from media.posts.row import Blob, Incoming
from media.services.pipeline.upload import FileTooLarge, read_blob
from media.sources.port import FileRefused, Message, Problem, Source

FAULTY_STATES = {
    MediaState.MISSING: "missing_file",
    MediaState.EMPTY: "empty_file",
    MediaState.UNREADABLE: "unreadable_file",
    MediaState.UNSAFE_PATH: "unsafe_path",
    MediaState.QUOTA_EXCEEDED: "quota_exceeded",
}
"""States that a person should hear of, with the code of the problem that is recorded."""


@dataclass(slots=True)
class Outcome:
    """What one batch did, for the summary of the import."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Known:
    source_fingerprint: str
    media_state: str


@dataclass(slots=True)
class Plan:
    """The messages of a batch that need work, their files read but nothing written yet."""

    incoming: list[Incoming] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def blobs(self) -> list[Blob]:
        return [blob for one in self.incoming for blob in one.blobs]


def plan(source: Source, *, channel: Channel, messages: Sequence[Message]) -> Plan:
    """Leave out what is stored and unchanged; open, hash and identify the files of the rest."""
    known = _known(channel, messages)
    result = Plan()
    for message in {m.message_id: m for m in messages}.values():
        before = known.get(message.message_id)
        if before and _unchanged(before, message):
            result.outcome.counts["unchanged"] += 1
            complain(result.outcome, message, before.media_state, detail="as in the last import")
        else:
            result.incoming.append(_read_files(source, message, result.outcome))
    result.outcome.counts["repeated"] += len(messages) - len({m.message_id for m in messages})
    return result


def _known(channel: Channel, messages: Sequence[Message]) -> dict[int, Known]:
    found = posts_of(channel, [m.message_id for m in messages]).values_list(
        "telegram_message_id", "source_fingerprint", "media_state"
    )
    return {message_id: Known(source, state) for message_id, source, state in found}


def posts_of(channel: Channel, message_ids: Sequence[int]) -> QuerySet[Post]:
    """As one array: a list of two thousand parameters costs more than the query."""
    wanted = RawSQL("SELECT unnest(%s::bigint[])", [list(message_ids)])
    return Post.objects.filter(channel=channel, telegram_message_id__in=wanted)


def _unchanged(before: Known, message: Message) -> bool:
    """A file that was missing shows in the fingerprint, by its size; these do not."""
    worth_another_try = before.media_state in {MediaState.QUOTA_EXCEEDED, MediaState.UNREADABLE}
    return before.source_fingerprint == message.fingerprint and not worth_another_try


def _read_files(source: Source, message: Message, outcome: Outcome) -> Incoming:
    attachment = message.attachment
    if attachment is None:
        return Incoming(message)
    if attachment.absence is not None:
        outcome.counts[attachment.absence.value] += 1
        return Incoming(message, state=attachment.absence.value)
    try:
        blobs = [read_blob(source, attachment.path)]
    except FileTooLarge:
        outcome.counts[MediaState.TOO_LARGE.value] += 1
        return Incoming(message, state=MediaState.TOO_LARGE)
    except FileRefused as refusal:
        complain(outcome, message, refusal.reason, detail=str(refusal))
        return Incoming(message, state=refusal.reason)
    if attachment.thumbnail_path:
        blobs += _thumbnail(source, attachment.thumbnail_path)
    return Incoming(message, state=MediaState.STORED, blobs=blobs)


def _thumbnail(source: Source, path: str) -> list[Blob]:
    """Nice to have: a post is complete without it."""
    try:
        return [read_blob(source, path)]
    except (FileRefused, FileTooLarge):
        return []


def complain(outcome: Outcome, message: Message, state: str, *, detail: str) -> None:
    code = {s.value: code for s, code in FAULTY_STATES.items()}.get(state)
    if code:
        path = message.attachment.path if message.attachment else ""
        text = detail if path in detail else f"{path}: {detail}"
        outcome.problems.append(Problem(code, text, message.message_id))
