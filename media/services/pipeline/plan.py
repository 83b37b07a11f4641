"""Plan: find the messages of a batch that need work and read their files; nothing is written."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from events.errors import DomainError
from events.postgresql import arrays, one_trip
from events.sentences import gettext_noop
from media.models import Channel, MediaObject, MediaState, Post
from media.posts.parsed_message import Blob, ParsedMessage
from media.services.pipeline.blobs import FileTooLarge, KeptFiles, read_blob
from media.sources.port import Attachment, FileRefused, Message, Problem, Source

PROBLEM_CODES = {
    MediaState.MISSING.value: "missing_file",
    MediaState.EMPTY.value: "empty_file",
    MediaState.UNREADABLE.value: "unreadable_file",
    MediaState.UNSAFE_PATH.value: "unsafe_path",
    MediaState.QUOTA_EXCEEDED.value: "quota_exceeded",
}
"""The code of the problem that is recorded for a media state; the other states are no problem."""


_WORTH_ANOTHER_TRY = (MediaState.QUOTA_EXCEEDED.value, MediaState.UNREADABLE.value)
_STORED_POSTS = """
SELECT telegram_message_id, source_fingerprint, media_state, posts.as_of, post_sightings.as_of
FROM posts LEFT JOIN post_sightings ON post_sightings.post_id = posts.id
WHERE channel_id = %s AND telegram_message_id = ANY(%s::bigint[])
"""
_STORED_CONTENTS = """
SELECT file_sha256, s3_key, defect FROM media_objects
WHERE tenant_id = %s AND file_sha256 = ANY(%s::text[])
"""
_AS_BEFORE = gettext_noop("as in the last import")
_WHEN_READ = gettext_noop("found when it was read")


@dataclass(slots=True)
class BatchOutcome:
    """What one batch changed, for the summary of the import."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    stopped_by: DomainError | None = None
    """Why the import ends with this batch, of which only a part was done."""


@dataclass(frozen=True, slots=True)
class StoredPost:
    """The columns that show whether a post has to be written again."""

    source_fingerprint: str
    media_state: str
    as_of: str


class StoredContent(NamedTuple):
    """A content that the archive has, or had: its object in the bucket may be lost."""

    key: str
    defect: str


class Said(NamedTuple):
    """A post, and what its source says of it: the key of the version and its gaps."""

    post_id: UUID
    posted_at: datetime
    version: str
    gaps: int


@dataclass(slots=True)
class BatchPlan:
    """
    The messages of a batch that need work, with their files read.

    `unchanged` are the others. `confirmed` are those of them of which an older source was the newest
    until now: the fingerprint that they have in both, by message id.
    """

    as_of: str = ""
    messages: list[ParsedMessage] = field(default_factory=list)
    unchanged: list[Message] = field(default_factory=list)
    confirmed: dict[int, str] = field(default_factory=dict)
    said: dict[int, Said] = field(default_factory=dict)
    """Of the posts that are written, by message id."""
    contents: dict[str, StoredContent] = field(default_factory=dict)
    """What was stored of the files when they were read, by SHA-256."""
    outcome: BatchOutcome = field(default_factory=BatchOutcome)
    written: Counter[str] = field(default_factory=Counter)
    """Rows of files that the commit wrote, for the metrics."""
    albums: dict[int, int] = field(default_factory=dict)
    """Numbers of the albums of the posts that the commit wrote, by message id."""
    kept: KeptFiles = field(default_factory=KeptFiles)
    """Files that were read for the plan and wait for their upload."""

    @property
    def blobs(self) -> list[Blob]:
        return [blob for parsed in self.messages for blob in parsed.blobs]

    def leave_out(self, lacking: AbstractSet[str]) -> None:
        """Leave out the messages that have one of these contents: a later import takes them up."""
        dropped = {
            parsed.message.message_id
            for parsed in self.messages
            if any(blob.sha256 in lacking for blob in parsed.blobs)
        }
        self.messages = [m for m in self.messages if m.message.message_id not in dropped]
        problems = self.outcome.problems
        self.outcome.problems = [p for p in problems if p.message_id not in dropped]


def plan_batch(
    source: Source, *, channel: Channel, messages: Sequence[Message], as_of: str = ""
) -> BatchPlan:
    """
    Leave out what is stored and unchanged; open, hash and identify the files of the rest.

    `as_of` is the age of the source (`Chat.as_of`).
    """
    stored = _stored_posts(channel, messages)
    plan = BatchPlan(as_of)
    distinct = {m.message_id: m for m in messages}  # of a repeated id the last message counts
    for message in distinct.values():
        before = stored.get(message.message_id)
        if before and _is_unchanged(before, message):
            plan.unchanged.append(message)
            if before.as_of < as_of:
                plan.confirmed[message.message_id] = message.fingerprint
            record_problem(plan.outcome, message, before.media_state, detail=_AS_BEFORE)
        else:
            plan.messages.append(_parse(source, message, plan))
    plan.outcome.counts["unchanged"] += len(plan.unchanged)
    plan.outcome.counts["repeated"] += len(messages) - len(distinct)
    plan.contents = _stored_contents(channel, {blob.sha256 for blob in plan.blobs})
    _record_defects(channel, plan, plan.unchanged)
    return plan


def _stored_posts(channel: Channel, messages: Sequence[Message]) -> dict[int, StoredPost]:
    ids = arrays.of_numbers([message.message_id for message in messages])
    [found] = one_trip.fetch((_STORED_POSTS, [channel.pk, ids]))
    return {
        message_id: StoredPost(source, state, max(as_of, seen or ""))
        for message_id, source, state, as_of, seen in found
    }


def posts_of(channel: Channel, message_ids: Sequence[int]) -> QuerySet[Post]:
    # One array parameter: a list of two thousand parameters costs more than the query itself.
    wanted = RawSQL("SELECT unnest(%s::bigint[])", [arrays.of_numbers(message_ids)])
    return Post.objects.filter(channel=channel, telegram_message_id__in=wanted)


def _is_unchanged(before: StoredPost, message: Message) -> bool:
    # A file that was missing and now exists changes the fingerprint, which includes its size.
    # A full bucket or an unreadable disk leaves no trace in it, so these are tried every time.
    worth_another_try = before.media_state in _WORTH_ANOTHER_TRY
    return before.source_fingerprint == message.fingerprint and not worth_another_try


def _parse(source: Source, message: Message, plan: BatchPlan) -> ParsedMessage:
    # Also where a newer source showed another file: an earlier version of the post has this one.
    parsed = ParsedMessage(message, as_of=plan.as_of)
    files = [file for file in message.attachments if not file.is_stored]
    states = [_read(source, parsed, file, plan) for file in files]
    parsed.state = state_of_all(states)
    return parsed


def state_of_all(states: Sequence[str]) -> str:
    """One state for several files: that of one worth another try, else stored if any is."""
    order = (*_WORTH_ANOTHER_TRY, MediaState.STORED)
    return next((state for state in order if state in states), states[0] if states else "")


def _read(source: Source, parsed: ParsedMessage, attachment: Attachment, plan: BatchPlan) -> str:
    """Read a file of a message and its thumbnail; return its state."""
    outcome = plan.outcome
    if attachment.absence is not None:
        outcome.counts[attachment.absence.value] += 1
        return attachment.absence.value
    try:
        parsed.blobs += _read_files(source, attachment, plan.kept)
    except FileTooLarge:
        outcome.counts[MediaState.TOO_LARGE.value] += 1
        return MediaState.TOO_LARGE.value
    except FileRefused as refusal:
        record_problem(
            outcome, parsed.message, refusal.reason, path=attachment.path, detail=str(refusal)
        )
        return refusal.reason
    return MediaState.STORED.value


def _read_files(source: Source, attachment: Attachment, kept: KeptFiles) -> list[Blob]:
    """Read the file and its thumbnail; a post is complete without the thumbnail."""
    blobs = [read_blob(source, attachment.path, kept=kept)]
    if attachment.thumbnail_path:
        with suppress(FileRefused, FileTooLarge):
            thumbnail = read_blob(source, attachment.thumbnail_path, kept=kept)
            blobs.append(replace(thumbnail, thumbnail_of=attachment.path))
    return blobs


def _stored_contents(channel: Channel, contents: Collection[str]) -> dict[str, StoredContent]:
    if not contents:
        return {}
    [found] = one_trip.fetch((_STORED_CONTENTS, [channel.tenant_id, arrays.of_texts(contents)]))
    return {sha256: StoredContent(key, defect) for sha256, key, defect in found}


def _record_defects(channel: Channel, plan: BatchPlan, unchanged: Sequence[Message]) -> None:
    """
    Record the pictures that nobody can look at: their structure says so, or somebody who tried.

    Also those of unchanged messages, so that a repeated import does not claim to be clean.
    """
    for parsed in plan.messages:
        for blob in parsed.blobs:
            stored = plan.contents.get(blob.sha256)
            if defect := blob.metadata.defect or (stored and stored.defect):
                detail = blob.metadata.defect_detail or _WHEN_READ
                _record_defect(plan, parsed.message, defect, blob.path, detail)
    for message, defect in _defects_of_posts(channel, unchanged):
        path = message.attachment.path if message.attachment else ""
        _record_defect(plan, message, defect, path, _AS_BEFORE)


def _record_defect(plan: BatchPlan, message: Message, defect: str, path: str, detail: str) -> None:
    plan.outcome.counts[defect] += 1
    plan.outcome.problems.append(Problem(defect, f"{path}: {detail}", message.message_id))


def _defects_of_posts(
    channel: Channel, messages: Sequence[Message]
) -> Iterator[tuple[Message, str]]:
    with_file = {m.message_id: m for m in messages if m.attachment and m.attachment.path}
    if not with_file:
        return
    # Few, whatever the size of the archive: a partial index holds just these.
    defective = MediaObject.objects.filter(tenant=channel.tenant_id).exclude(defect="")
    found = defective.filter(posts__in=posts_of(channel, list(with_file)))
    for message_id, defect in found.values_list("posts__telegram_message_id", "defect"):
        yield with_file[message_id], defect


def record_problem(
    outcome: BatchOutcome, message: Message, state: str, *, detail: str, path: str = ""
) -> None:
    """
    Record the problem behind a media state; nothing for a state that is no problem.

    `path` names the file; without it, the first of the message.
    """
    if code := PROBLEM_CODES.get(state):
        path = path or (message.attachment.path if message.attachment else "")
        text = detail if path in detail else f"{path}: {detail}"
        outcome.problems.append(Problem(code, text, message.message_id))
