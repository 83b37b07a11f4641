"""
The versions of posts, from the first time on that sources say different things of one.

Until then a post has no version: its row is what all of them said. Then each content that was said
becomes a row, and so does the one that the post had until now.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from media.models import (
    MediaRole,
    PostSource,
    PostVersion,
    PostVersionMedia,
    media_object_id,
)
from media.posts.content import Content, compatible, content_of, key_of, read_said_as, said_as
from media.posts.parsed_message import Shown
from media.posts.post_row import PostRow


@dataclass(slots=True)
class Meeting:
    """A stored post meets what a source says of it; `merged` is the row made of both."""

    stored: PostRow
    shown: Sequence[Shown]
    said: PostRow
    said_shown: Sequence[Shown]
    merged: PostRow

    @property
    def gaps(self) -> int:
        return read_said_as(self.said.said_as)[0]

    def content_said(self) -> Content:
        return _content(self.said, self.said_shown, self.gaps)


@dataclass(slots=True)
class _New:
    """Rows to be written."""

    versions: list[PostVersion] = field(default_factory=list)
    keys: dict[UUID, str] = field(default_factory=dict)
    """By post: the key of what all sources said until now."""
    known: dict[UUID, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, row: PostRow, content: Content, edited_at: datetime | None) -> str:
        """Add a version of a post, unless it is known; return its key."""
        key = key_of(content, edited_at)
        if key not in self.known[row.id]:
            self.known[row.id].add(key)
            self.versions.append(
                PostVersion(post_id=row.id, key=key, edited_at=edited_at, content=dict(content))
            )
        return key


def settle_versions(meetings: Sequence[Meeting]) -> dict[int, tuple[str, int]]:
    """
    Write the versions that are new, and set `said_as` of the merged rows.

    Return the key and the gaps of what the source said, by message id. The media that it shows
    are stored, and their rows locked.
    """
    posts = [one.stored.id for one in meetings]
    if not posts:
        return {}
    new, gaps = _New(), _gaps_of(posts)
    for post_id, key in PostVersion.objects.filter(post__in=posts).values_list("post_id", "key"):
        new.known[post_id].add(key)
    said = {one.said.telegram_message_id: _settle(one, new, gaps) for one in meetings}
    _write(new, {one.stored.id: one.stored.tenant_id for one in meetings})
    return said


def _settle(one: Meeting, new: _New, gaps: dict[UUID, int]) -> tuple[str, int]:
    post, content = one.stored.id, one.content_said()
    key = ""
    if post in new.known:
        key = new.add(one.stored, content, one.said.edited_at)
    else:
        before = _content(one.stored, one.shown, gaps.get(post, 0))
        if one.stored.edited_at != one.said.edited_at or not compatible(before, content):
            new.keys[post] = new.add(one.stored, before, one.stored.edited_at)
            key = new.add(one.stored, content, one.said.edited_at)
    one.merged.said_as = _said_as(one, key, new.keys.get(post))
    return key, one.gaps


def _said_as(one: Meeting, key: str, key_before: str | None) -> str:
    if one.merged.source_fingerprint == one.said.source_fingerprint:
        return said_as(one.gaps, key)
    gaps, stored_key = read_said_as(one.stored.said_as)
    return said_as(gaps, stored_key if key_before is None else key_before)


def _content(row: PostRow, shown: Iterable[Shown], gaps: int) -> Content:
    files = [one.sha256 for one in shown if one.role != MediaRole.THUMBNAIL]
    return content_of(
        text=row.content, extra=row.extra, media_kind=row.media_kind, files=files, gaps=gaps
    )


def _gaps_of(posts: Sequence[UUID]) -> dict[UUID, int]:
    """What no source said of posts that have no versions yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT post_id, bit_and(gaps) FROM post_sources"
            " WHERE post_id = ANY(%s) AND version = '' GROUP BY post_id",
            [list(posts)],
        )
        return dict(cursor.fetchall())


def _write(new: _New, tenants: dict[UUID, UUID]) -> None:
    PostVersion.objects.bulk_create(new.versions)
    PostVersionMedia.objects.bulk_create(
        PostVersionMedia(
            version=version,
            media_object_id=media_object_id(tenants[version.post_id], sha256),
            position=position,
        )
        for version in new.versions
        for position, sha256 in enumerate(version.content.get("files", []))
    )
    if new.keys:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {PostSource._meta.db_table} SET version = new.key"  # noqa: S608, SLF001 - a name of ours
                " FROM unnest(%s::uuid[], %s::text[]) AS new (post_id, key)"
                " WHERE post_sources.post_id = new.post_id AND version = ''",
                [list(new.keys), list(new.keys.values())],
            )
