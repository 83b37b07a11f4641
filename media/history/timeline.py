"""
The history of a post as a pure function of all that sources said of it.

What is stored is a set; so whatever the order in which sources came, and however often, the
history is the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from itertools import groupby, pairwise
from operator import itemgetter

from media.posts import content as contents
from media.posts.content import Content


@dataclass(frozen=True, slots=True)
class Said:
    """A content that a source said, seen from `first_at` to `last_at`; `source` names the source."""

    first_at: datetime
    last_at: datetime
    edited_at: datetime | None
    content: Content
    source: str = ""


@dataclass(slots=True)
class Version:
    """
    A content of a post, and since when its channel showed it.

    `is_exact`: the time is that of the post or of its edit; otherwise the content was first seen
    then. `sources` are the names of those who said it.
    """

    shown_from: datetime
    content: Content
    is_exact: bool
    sources: list[str] = field(default_factory=list)

    @property
    def content_hash(self) -> str:
        return contents.content_hash(self.content)


@dataclass(frozen=True, slots=True)
class Deleted:
    """The post was not in its channel `since`, until it was seen again; `how` as `Post.deletion`."""

    since: datetime
    until: datetime | None
    how: str


class Event(IntEnum):
    """What is known of a post at an instant; of several at once the highest counts."""

    ABSENT = 0
    """An export does not have it."""
    PRESENT = 1
    DELETED = 2
    """Telegram said that it was deleted."""


class Shown(StrEnum):
    """What the channel showed of a post at an instant."""

    NOT_YET = "not_yet"
    UNKNOWN = "unknown"
    """It was posted by then, but only a later version of it is known."""
    VERSION = "version"
    DELETED = "deleted"


def versions(posted_at: datetime, said: Iterable[Said]) -> list[Version]:
    """
    Order what was said into the versions of a post, the earliest first.

    A content counts from the time of its edit, or of the post. Where sources say different
    contents for the same edit, each counts from when it was first seen, but for the first. What
    one source leaves out of an edit is known from the others that have the same edit; only what
    none of them says may be as it was before.
    """
    found: list[Version] = []
    for since, points in groupby(_points(posted_at, said), key=itemgetter(0)):
        first, *others = _of_one_edit(since, points)
        if found and contents.compatible(found[-1].content, first.content):
            _join(found[-1], first.content, first.sources)
        else:
            found.append(first)
        found += others
    _carry(found)
    return _merged(found)


def _of_one_edit(
    since: datetime, points: Iterable[tuple[datetime, datetime, Said]]
) -> list[Version]:
    """The different contents that sources say of one edit, in the order in which they were seen."""
    found: list[Version] = []
    for _, at, one in points:
        if found and contents.compatible(found[-1].content, one.content):
            _join(found[-1], one.content, [one.source])
        else:
            shown_from = max(at, since) if found else since
            found.append(Version(shown_from, one.content, not found, [one.source]))
    return found


def _points(posted_at: datetime, said: Iterable[Said]) -> list[tuple[datetime, datetime, Said]]:
    """Each time at which a content was seen, in the order of the history."""
    points = [
        (one.edited_at or posted_at, at, contents.canonical(one.content), one.source, number, one)
        for number, one in enumerate(said)
        for at in dict.fromkeys((one.first_at, one.last_at))
    ]
    return [(since, at, one) for since, at, _, _, _, one in sorted(points, key=lambda p: p[:4])]


def _join(version: Version, content: Content, sources: Iterable[str]) -> None:
    version.content = contents.filled(version.content, content)
    version.sources += [source for source in sources if source not in version.sources]


def _carry(found: Sequence[Version]) -> None:
    """Fill gaps from the version before, and let no version begin after the next one."""
    for before, version in pairwise(found):
        version.content = contents.after(version.content, before.content)
    for version, following in reversed(list(pairwise(found))):
        version.shown_from = min(version.shown_from, following.shown_from)


def _merged(found: Iterable[Version]) -> list[Version]:
    """Leave out versions that, their gaps filled, are equal to the one before."""
    result: list[Version] = []
    for version in found:
        if result and result[-1].content == version.content:
            result[-1].sources += [s for s in version.sources if s not in result[-1].sources]
        else:
            result.append(version)
    return result


def deletions(events: Iterable[tuple[datetime, Event]]) -> list[Deleted]:
    """Find when the post was not in its channel; the last one is open if it still is not."""
    found: list[Deleted] = []
    gone: tuple[datetime, Event] | None = None
    for at, event in sorted(events):
        if event is Event.PRESENT and gone:
            found.append(_deleted(gone, until=at))
            gone = None
        elif event is not Event.PRESENT and gone is None:
            gone = at, event
    if gone:
        found.append(_deleted(gone, until=None))
    return [one for one in found if one.since != one.until]


def _deleted(gone: tuple[datetime, Event], *, until: datetime | None) -> Deleted:
    since, event = gone
    return Deleted(since, until, "live" if event is Event.DELETED else "absent")


def shown_at(
    time: datetime,
    *,
    posted_at: datetime,
    versions: Sequence[Version],
    deleted: Sequence[Deleted],
) -> tuple[Shown, Version | None]:
    """Find what was shown at an instant; the version of a deleted post is the last one shown."""
    if time < posted_at:
        return Shown.NOT_YET, None
    version = next((v for v in reversed(versions) if v.shown_from <= time), None)
    if any(one.since <= time and (one.until is None or time < one.until) for one in deleted):
        return Shown.DELETED, version
    return (Shown.VERSION, version) if version else (Shown.UNKNOWN, None)
