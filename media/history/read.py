"""Read all that is known of a post, and make its history of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from media.history.counts.readings import Counted, counts_of
from media.history.record.origins import without_reading
from media.history.timeline import (
    Deleted,
    Event,
    Said,
    Shown,
    Version,
    deletions,
    shown_at,
    versions,
)
from media.models import ChannelSource, MediaRole, Post, PostSource, PostVersion, SourceKind
from media.posts.content import Content, content_of


@dataclass(frozen=True, slots=True)
class PostHistory:
    """The versions of a post, when it was deleted, and its counts, each the earliest first."""

    post: Post
    versions: Sequence[Version]
    deletions: Sequence[Deleted]
    counts: Sequence[Counted]

    def at(self, time: datetime) -> "Moment":
        """Find what the channel showed of the post at an instant."""
        shown, version = shown_at(
            time, posted_at=self.post.posted_at, versions=self.versions, deleted=self.deletions
        )
        before = (d for d in reversed(self.deletions) if d.since <= time)
        return Moment(
            time=time,
            shown=shown,
            version=version,
            deleted=next(before, None) if shown is Shown.DELETED else None,
            counts=next((c for c in reversed(self.counts) if c.at <= time), None),
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """What was shown at `time`; `counts` are the last that were read by then."""

    time: datetime
    shown: Shown
    version: Version | None
    deleted: Deleted | None
    counts: Counted | None


def history_of(post: Post) -> PostHistory:
    """Read the history of a post, in six queries whatever its length."""
    sources = list(ChannelSource.objects.filter(channel=post.channel_id))
    rows = list(PostSource.objects.filter(post=post))
    by_key = {one.key: one for one in PostVersion.objects.filter(post=post)}
    said = list(_said(post, rows, by_key, _latest_readings(sources)))
    if not said:
        content = _content(post, _files(post), gaps=0)
        said = [Said(post.posted_at, post.posted_at, post.edited_at, content)]
    return PostHistory(
        post=post,
        versions=versions(post.posted_at, said),
        deletions=deletions(_events(post, rows, sources)),
        counts=counts_of(post, rows),
    )


def _said(
    post: Post,
    rows: Iterable[PostSource],
    by_key: dict[str, PostVersion],
    sources: dict[int, str],
) -> Iterator[Said]:
    seen = set()
    files = _files(post)
    for row in rows:
        if row.source_id not in sources:
            continue
        if (version := by_key.get(row.version)) is not None:
            content, edited_at = version.content, version.edited_at
        elif not row.version:
            content, edited_at = _content(post, files, gaps=row.gaps), post.edited_at
        else:
            continue  # seen or deleted, which says nothing of the content
        seen.add(row.version)
        yield Said(row.first_seen_at, row.last_seen_at, edited_at, content, sources[row.source_id])
    for version in () if seen else by_key.values():  # stored before sources were remembered
        at = version.edited_at or post.posted_at
        yield Said(at, at, version.edited_at, version.content)


def _latest_readings(sources: Iterable[ChannelSource]) -> dict[int, str]:
    """Name the sources by id; of an export that was read in several ways, only the latest."""
    latest: dict[tuple[str, str], ChannelSource] = {}
    for source in sorted(sources, key=lambda one: one.name):
        latest[source.kind, without_reading(source.name)] = source
    return {one.pk: source_name(one) for one in latest.values()}


def source_name(source: ChannelSource) -> str:
    """Name a source for people: `live:ACCOUNT`, or `export:` and the age of the export."""
    name = without_reading(source.name) if source.kind == SourceKind.EXPORT else source.name
    return f"{source.kind}:{name}"


def _files(post: Post) -> list[str]:
    if not post.has_media:
        return []
    files = post.post_media.exclude(role=MediaRole.THUMBNAIL).order_by("position")
    return list(files.values_list("media_object__file_sha256", flat=True))


def _content(post: Post, files: Sequence[str], *, gaps: int) -> Content:
    return content_of(
        text=post.content, extra=post.extra, media_kind=post.media_kind, files=files, gaps=gaps
    )


def _events(
    post: Post, rows: Iterable[PostSource], sources: Iterable[ChannelSource]
) -> Iterator[tuple[datetime, Event]]:
    had = set()
    for row in rows:
        had.add(row.source_id)
        event = Event.DELETED if row.version == PostSource.DELETED else Event.PRESENT
        yield from ((at, event) for at in {row.first_seen_at, row.last_seen_at})
    if not had:
        return
    for source in sources:
        if source.pk not in had and _should_have(source, post.telegram_message_id):
            yield source.moment, Event.ABSENT  # type: ignore[misc]  # exports have a moment


def _should_have(source: ChannelSource, message_id: int) -> bool:
    if source.covered_from is None or source.covered_to is None or source.moment is None:
        return False
    return source.is_complete and source.covered_from <= message_id <= source.covered_to
