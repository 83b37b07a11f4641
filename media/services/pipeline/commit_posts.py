"""Commit the posts of a batch: their rows, the media they show, and the events about them."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from events import copy_rows, trace
from events.schemas import PostParsedEventV1, VisionUploadedEventV1
from media.models import Channel, MediaObject, MediaRole, Post, PostMedia
from media.posts import post_events, post_merge, post_row
from media.posts.parsed_message import ParsedMessage
from media.posts.post_row import PostRow
from media.services.pipeline.plan import BatchPlan, posts_of

PostEvent = PostParsedEventV1 | VisionUploadedEventV1

ROLES = (MediaRole.PRIMARY, MediaRole.THUMBNAIL)
"""The roles of a post's media, by position."""


@dataclass(slots=True)
class PostChanges:
    """The rows and events of a batch, gathered so that each table is written by one statement."""

    channel: Channel
    media: dict[str, MediaObject]
    contents_before: dict[UUID, list[str]]
    now: datetime
    trace_prefix: str
    rows: list[PostRow] = field(default_factory=list)
    media_rows: list[PostMedia] = field(default_factory=list)
    events: list[PostEvent] = field(default_factory=list)

    def add(self, parsed: ParsedMessage, row: PostRow, before: PostRow | None) -> str:
        """Add a post; return the count it belongs to: "new", "updated" or "unchanged"."""
        # Read first: `merge` may return `before` itself, changed.
        fingerprint, revision = (before.fingerprint, before.revision) if before else ("", 0)
        merged = post_merge.merge(before, row, parsed.contents) if before else row
        if merged is None:
            return "unchanged"
        contents_before = self.contents_before.get(row.id, [])
        contents = parsed.contents or contents_before
        merged.fingerprint = post_row.fingerprint(merged, contents)
        changed = merged.fingerprint != fingerprint
        if before:
            merged.revision = revision + changed
        self.rows.append(merged)
        trace_id = f"{self.trace_prefix}:{row.telegram_message_id}"
        if changed:
            self.events.append(
                post_events.parsed(
                    merged, self.channel, contents, first=before is None, trace_id=trace_id
                )
            )
        if parsed.blobs and parsed.contents != contents_before:
            self._add_media(merged, parsed, first=not contents_before, trace_id=trace_id)
        return "updated" if before else "new"

    def _add_media(
        self, post: PostRow, parsed: ParsedMessage, *, first: bool, trace_id: str
    ) -> None:
        self.media_rows += [
            PostMedia(
                post_id=post.id,
                media_object=self.media[sha256],
                position=position,
                role=role,
                uploaded_at=self.now,
            )
            for position, (sha256, role) in enumerate(zip(parsed.contents, ROLES, strict=False))
        ]
        primary = self.media[parsed.blobs[0].sha256]
        self.events.append(
            post_events.uploaded(post, [primary], first=first, now=self.now, trace_id=trace_id)
        )


def write_posts(
    channel: Channel, plan: BatchPlan, media: dict[str, MediaObject], *, now: datetime
) -> list[PostEvent]:
    """Write the posts of a batch and what they show; return the events to publish."""
    built = [(parsed, post_row.build(channel, parsed)) for parsed in plan.messages]
    stored = _stored_rows(channel, [row.telegram_message_id for _, row in built])
    changes = PostChanges(
        channel=channel,
        media=media,
        contents_before=_contents_of([row.id for row in stored.values()]),
        now=now,
        trace_prefix=(trace.current() or trace.new())[:64],
    )
    for parsed, row in built:
        plan.outcome.counts[changes.add(parsed, row, stored.get(row.telegram_message_id))] += 1
    _write_rows(changes.rows, stored, now=now)
    _replace_media(changes.media_rows, changes.contents_before.keys())
    return changes.events


def _stored_rows(channel: Channel, message_ids: Sequence[int]) -> dict[int, PostRow]:
    found = posts_of(channel, message_ids).values(*post_row.COLUMNS)
    rows = (PostRow(**columns) for columns in found)
    return {row.telegram_message_id: row for row in rows}


def _contents_of(posts: Sequence[UUID]) -> dict[UUID, list[str]]:
    """SHA-256 of the media of each post, by position; posts without media are left out."""
    result: dict[UUID, list[str]] = {}
    found = PostMedia.objects.filter(post_id__in=posts).order_by("post_id", "position")
    for post, sha256 in found.values_list("post_id", "media_object__file_sha256"):
        result.setdefault(post, []).append(sha256)
    return result


def _write_rows(posts: Sequence[PostRow], stored: Mapping[int, PostRow], *, now: datetime) -> None:
    # The channel is locked: nobody else inserts what is not stored now.
    stamps = {"created_at": now, "updated_at": now}
    new = [row for row in posts if row.telegram_message_id not in stored]
    copy_rows.insert(Post, new, columns=post_row.COLUMNS, stamps=stamps)
    # `created_at` is not updated: it stays the time of the first import.
    copy_rows.upsert(
        Post,
        [row for row in posts if row.telegram_message_id in stored],
        columns=post_row.COLUMNS,
        stamps=stamps,
        unique=["channel", "telegram_message_id"],
        update=[*post_row.FROM_MESSAGE, "updated_at"],
    )


def _replace_media(rows: Sequence[PostMedia], with_media_before: AbstractSet[UUID]) -> None:
    # Deleted, not updated: an edit may show another picture, and the trigger that counts
    # references refuses a row that moves to another media object.
    if replaced := {row.post_id for row in rows} & with_media_before:
        PostMedia.objects.filter(post_id__in=replaced).delete()
    copy_rows.insert(PostMedia, rows)
