"""Commit the posts of a batch: their rows, the media they show, and the events about them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from events import trace
from events.schemas import PostParsedEventV1, VisionUploadedEventV1
from media.models import Channel, MediaObject, MediaRole, Post, PostMedia
from media.posts import post_events, post_merge, post_row
from media.posts.parsed_message import Blob, ParsedMessage
from media.posts.post_row import PostRow
from media.services.pipeline import copy_upsert
from media.services.pipeline.plan import BatchPlan, posts_of

PostEvent = PostParsedEventV1 | VisionUploadedEventV1


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
                media_object=self.media[blob.sha256],
                position=position,
                role=_role(blob, position),
                uploaded_at=self.now,
            )
            for position, blob in enumerate(parsed.shown)
        ]
        files = [self.media[blob.sha256] for blob in parsed.shown if not blob.thumbnail_of]
        self.events.append(
            post_events.uploaded(post, files, first=first, now=self.now, trace_id=trace_id)
        )


def _role(blob: Blob, position: int) -> MediaRole:
    if blob.thumbnail_of:
        return MediaRole.THUMBNAIL
    return MediaRole.ATTACHMENT if position else MediaRole.PRIMARY


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
    _upsert_posts(changes.rows, now=now)
    _replace_media(changes.media_rows)
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


def _upsert_posts(posts: Sequence[PostRow], *, now: datetime) -> None:
    # `created_at` is not updated: it stays the time of the first import.
    copy_upsert.upsert(
        Post,
        posts,
        columns=[*post_row.COLUMNS, *post_row.DERIVED],
        stamps={"created_at": now, "updated_at": now},
        unique=["channel", "telegram_message_id"],
        update=[*post_row.FROM_MESSAGE, *post_row.DERIVED, "updated_at"],
    )


def _replace_media(rows: Sequence[PostMedia]) -> None:
    # Deleted, not updated: an edit may show another picture, and the trigger that counts
    # references refuses a row that moves to another media object.
    PostMedia.objects.filter(post_id__in={row.post_id for row in rows}).delete()
    PostMedia.objects.bulk_create(rows)
