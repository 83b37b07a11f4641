"""Commit the posts of a batch: their rows, the media they show, and the events about them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from events.logs import trace
from events.postgresql import arrays, copy_rows, one_trip
from events.schemas import PostParsedEventV1, VisionUploadedEventV1
from media.history.record.diverge import Meeting, settle_versions
from media.models import Channel, MediaRole, Post, PostMedia, media_object_id
from media.posts import post_events, post_merge, post_row
from media.posts.content import read_said_as
from media.posts.parsed_message import ParsedMessage, Shown
from media.posts.post_albums import Runs, assign_albums
from media.posts.post_events import StoredFile
from media.posts.post_row import PostRow
from media.services.pipeline.plan import BatchPlan, Said, posts_of

PostEvent = PostParsedEventV1 | VisionUploadedEventV1
_ANY_STORED = """
SELECT 1 FROM posts WHERE channel_id = %s AND telegram_message_id = ANY(%s::bigint[]) LIMIT 1
"""


@dataclass(slots=True)
class Change:
    """A post as it shall be, and as it is stored: None where it is new."""

    row: PostRow
    shown: list[Shown]
    before: PostRow | None = None
    shown_before: list[Shown] = field(default_factory=list)
    said: PostRow | None = None
    """What the source says of a post that is stored, with `said_shown`."""
    said_shown: list[Shown] = field(default_factory=list)
    of_neighbor: bool = False
    """Whether the batch has the post only for the album that it shares with others."""

    @property
    def meeting(self) -> Meeting | None:
        if self.said is None or self.before is None:
            return None
        return Meeting(self.before, self.shown_before, self.said, self.said_shown, self.row)

    @property
    def contents(self) -> list[str]:
        return [shown.sha256 for shown in self.shown]

    def is_none(self) -> bool:
        return self.row == self.before and self.shown == self.shown_before

    def is_of_history_only(self) -> bool:
        """Whether the post stays as it is, and only its history has one more version."""
        if self.before is None or self.shown != self.shown_before:
            return False
        return self.row == replace(self.before, said_as=self.row.said_as)


class ShownRow(NamedTuple):
    """Columns of a `PostMedia`."""

    post_id: UUID
    media_object_id: UUID
    position: int
    role: str
    uploaded_at: datetime


@dataclass(slots=True)
class PostChanges:
    """The rows and events of a batch, gathered so that each table is written by one statement."""

    channel: Channel
    media: dict[str, StoredFile]
    now: datetime
    trace_prefix: str
    new: list[PostRow] = field(default_factory=list)
    changed: list[PostRow] = field(default_factory=list)
    media_rows: list[ShownRow] = field(default_factory=list)
    media_replaced: set[UUID] = field(default_factory=set)
    """Posts whose media rows give way to those of `media_rows`."""
    events: list[PostEvent] = field(default_factory=list)

    def add(self, change: Change) -> str:
        """Add a post; return the count it belongs to: "new", "updated" or "unchanged"."""
        row, before = change.row, change.before
        row.fingerprint = post_row.fingerprint(row, change.contents)
        if change.is_none():
            return "unchanged"
        if change.is_of_history_only():
            self.changed.append(row)
            return "unchanged"
        changed = before is None or _is_news(row, before)
        if before:
            row.revision = before.revision + changed
        (self.changed if before else self.new).append(row)
        trace_id = f"{self.trace_prefix}:{row.telegram_message_id}"
        if changed:
            self.events.append(
                post_events.parsed(
                    row, self.channel, change.contents, first=before is None, trace_id=trace_id
                )
            )
        if change.shown != change.shown_before:
            self._add_media(change, trace_id=trace_id)
        return "updated" if before else "new"

    def _add_media(self, change: Change, *, trace_id: str) -> None:
        post = change.row
        self.media_rows += [
            ShownRow(
                post_id=post.id,
                media_object_id=media_object_id(post.tenant_id, shown.sha256),
                position=position,
                role=shown.role,
                uploaded_at=self.now,
            )
            for position, shown in enumerate(change.shown)
        ]
        files = [self.media[s.sha256] for s in change.shown if s.role != MediaRole.THUMBNAIL]
        first = not change.shown_before
        if not first:
            self.media_replaced.add(post.id)
        self.events.append(
            post_events.uploaded(post, files, first=first, now=self.now, trace_id=trace_id)
        )


def _is_news(row: PostRow, before: PostRow) -> bool:
    return row.fingerprint != before.fingerprint or post_row.is_told_otherwise(row, before)


def prepare_posts(
    channel: Channel, plan: BatchPlan, media: dict[str, StoredFile], *, now: datetime
) -> PostChanges:
    """Make the rows and events of a batch out of its messages and what is stored of them."""
    changes = PostChanges(
        channel=channel,
        media=media,
        now=now,
        trace_prefix=(trace.current() or trace.new())[:64],
    )
    merged = _changes(channel, plan.messages)
    met = settle_versions([change.meeting for change in merged if change.meeting])
    plan.said = {one.row.telegram_message_id: _said(one.row, met) for one in merged}
    for change in _with_neighbors(channel, merged):
        count = changes.add(change)
        if not change.of_neighbor:
            plan.outcome.counts[count] += 1
    plan.albums = {
        one.row.telegram_message_id: one.row.grouped_id
        for one in merged
        if one.row.grouped_id is not None
    }
    return changes


def write_posts(changes: PostChanges, plan: BatchPlan) -> None:
    """Write the posts of a batch and what they show."""
    _write_rows(changes)
    plan.written.update(_replace_media(changes))


def _said(row: PostRow, met: dict[int, tuple[str, int]]) -> Said:
    """As which version and with which gaps its source has a post."""
    if row.telegram_message_id in met:
        return Said(row.id, row.posted_at, *met[row.telegram_message_id])
    gaps, version = read_said_as(row.said_as)
    return Said(row.id, row.posted_at, version, gaps)


def _changes(channel: Channel, messages: Sequence[ParsedMessage]) -> list[Change]:
    """Merge each message with the post that is stored of it."""
    built = [(parsed, post_row.build(channel, parsed)) for parsed in messages]
    stored = _stored(channel, [row.telegram_message_id for _, row in built])
    shown = _shown_by([row.id for row in stored.values()])
    changes = []
    for parsed, row in built:
        before = stored.get(row.telegram_message_id)
        if before is None:
            changes.append(Change(row, parsed.shown))
            continue
        shown_before = shown.get(row.id, [])
        merged, shown_now = post_merge.merge_posts(before, row, shown_before, parsed.shown)
        merged.run_id = before.run_id if row.run_id is None else row.run_id
        changes.append(Change(merged, shown_now, before, shown_before, row, parsed.shown))
    return changes


def _stored(channel: Channel, message_ids: Sequence[int]) -> dict[int, PostRow]:
    """The posts that are stored, by message id; nearly always it is none or all of them."""
    [found] = one_trip.fetch((_ANY_STORED, [channel.pk, arrays.of_numbers(message_ids)]))
    if not found:
        return {}
    return {row.telegram_message_id: row for row in _rows(posts_of(channel, message_ids))}


def _with_neighbors(channel: Channel, changes: Sequence[Change]) -> list[Change]:
    """Add the stored posts that share a run with those of the batch, and name the albums of all."""
    runs = Runs()
    for change in changes:
        runs.add([change.row.run_id, change.before.run_id if change.before else None])
    if not runs.names:
        return list(changes)
    batch = {change.row.id for change in changes}
    in_runs = Post.objects.filter(channel=channel, run_id__in=runs.names)
    neighbors = [row for row in _rows(in_runs) if row.id not in batch]
    shown = _shown_by([row.id for row in neighbors])
    found = [
        Change(replace(row), shown.get(row.id, []), row, shown.get(row.id, []), of_neighbor=True)
        for row in neighbors
    ]
    assign_albums([change.row for change in [*changes, *found]], runs)
    return [*changes, *found]


def _rows(posts: QuerySet[Post]) -> Iterator[PostRow]:
    for columns in posts.values(*post_row.COLUMNS, "sighting__as_of"):
        seen = columns.pop("sighting__as_of") or ""
        row = PostRow(**columns)
        row.as_of = max(row.as_of, seen)
        yield row


def _shown_by(posts: Sequence[UUID]) -> dict[UUID, list[Shown]]:
    """What each post shows, by position; posts without media are left out."""
    result: dict[UUID, list[Shown]] = {}
    if not posts:
        return result
    found = PostMedia.objects.filter(post_id__in=arrays.among(posts)).order_by(
        "post_id", "position"
    )
    columns = (
        "role",
        *(f"media_object__{name}" for name in ("file_sha256", "size_bytes", "defect")),
    )
    for post, role, sha256, size_bytes, defect in found.values_list("post_id", *columns):
        shown = Shown.of(sha256, role, size_bytes=size_bytes, defect=defect)
        result.setdefault(post, []).append(shown)
    return result


def _write_rows(changes: PostChanges) -> None:
    columns = [*post_row.COLUMNS, *post_row.DERIVED]
    stamps = {"created_at": changes.now, "updated_at": changes.now}
    # The channel is locked: nobody else inserts what is not stored now.
    copy_rows.insert(Post, changes.new, columns=columns, stamps=stamps)
    # `created_at` is not updated: it stays the time of the first import.
    copy_rows.upsert(
        Post,
        changes.changed,
        columns=columns,
        stamps=stamps,
        unique=["channel", "telegram_message_id"],
        update=[*post_row.FROM_MESSAGE, *post_row.DERIVED, "updated_at"],
    )


def _replace_media(changes: PostChanges) -> dict[str, int]:
    """Write what the posts show; return how many rows of each kind there were."""
    # Deleted, not updated: an edit may show another picture, and the trigger that counts
    # references refuses a row that moves to another media object.
    removed = 0
    if changes.media_replaced:
        removed, _ = PostMedia.objects.filter(post_id__in=changes.media_replaced).delete()
    copy_rows.insert(PostMedia, changes.media_rows, columns=ShownRow._fields)
    replaced = sum(row.post_id in changes.media_replaced for row in changes.media_rows)
    return {
        "shown_new": len(changes.media_rows) - replaced,
        "shown_replaced": replaced,
        "references": removed + len(changes.media_rows),
    }
