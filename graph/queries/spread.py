"""How what a post carries has spread: who had it first, who then, from whom, and how long it took."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from graph.facts import ARTICLE, PICTURE, TEXT
from graph.queries.carriers import (
    MOST_POSTS,
    Forward,
    Thing,
    forwards_of,
    posts_by_key,
    things_of,
    titles_of,
)

FORWARD, SAME_PICTURE, NEAR_PICTURE = "forward", "same_picture", "near_picture"
SAME_TEXT, SAME_LINK = "same_text", "same_link"
WAYS: Final = (FORWARD, SAME_PICTURE, NEAR_PICTURE, SAME_TEXT, SAME_LINK)
_LATEST: Final = "9999"


@dataclass(slots=True)
class Seen:
    """
    A post, or what a forward says of a post that is not in the archive, or of a whole channel.

    `ways` say in which ways it shares something with the post that was asked about. `deleted_at` is
    set where Telegram has it no more.
    """

    key: str
    channel_id: str = ""
    channel: str = ""
    posted_at: str = ""
    url: str = ""
    archived: bool = True
    deleted_at: str = ""
    ways: set[str] = field(default_factory=set)
    after_seconds: float | None = None
    """Since the first; None where it is not known when."""


@dataclass(frozen=True, slots=True)
class Hop:
    """
    From one post to another, in which ways.

    A forward names its source. Of other copies nobody can know from whom they are: their hop
    leads from the first that had it.
    """

    source: str
    target: str
    ways: tuple[str, ...]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Spread:
    """`posts` in order of time, those of unknown time last; `truncated`: there are more."""

    post_id: str
    posts: list[Seen]
    hops: list[Hop]
    truncated: bool

    @property
    def first(self) -> Seen | None:
        return next((one for one in self.posts if one.posted_at), None)

    @property
    def seconds(self) -> float:
        """From the first to the last."""
        return max((one.after_seconds or 0.0 for one in self.posts), default=0.0)


def spread(post_id: UUID | str) -> Spread:
    """
    Everything that carries the pictures, the text or the links of a post, or was forwarded.

    Pictures and text are followed through forwards in both directions; a link that another post
    names, too, is no copy of this post and leads no further.
    """
    post = str(post_id)
    things = things_of(post)
    copies = {one for thing in things if thing.label != ARTICLE for one in thing.posts} | {post}
    reached, forwards = forwards_of(copies)
    linked = {one for thing in things if thing.label == ARTICLE for one in thing.posts}
    found = sorted(reached | linked)
    seen = _seen(found[:MOST_POSTS], forwards)
    _note_ways(seen, post, things, forwards)
    hops = _hops(seen, things, forwards)
    ordered = sorted(seen.values(), key=_moment)
    _count_from(ordered)
    return Spread(post, ordered, hops, truncated=len(found) > MOST_POSTS)


def _seen(keys: Iterable[str], forwards: Iterable[Forward]) -> dict[str, Seen]:
    seen = {
        key: Seen(
            key,
            told.get("channel_id", ""),
            told.get("channel", ""),
            told.get("posted_at", ""),
            told.get("url", ""),
            archived=bool(told.get("archived")),
            deleted_at=told.get("deleted_at", ""),
        )
        for key, told in posts_by_key(keys).items()
    }
    channels = titles_of({one.source for one in forwards if one.source_label != "Post"})
    for forward in forwards:
        if forward.source_label != "Post":
            source = seen.setdefault(forward.source, Seen(forward.source, forward.source))
            source.channel, source.archived = channels.get(forward.source, ""), False
        source = seen[forward.source] if forward.source in seen else Seen(forward.source)
        if not source.archived:  # only the forwards know of it
            source.channel = source.channel or forward.name or str(forward.chat_id or "")
            source.posted_at = min(filter(None, (source.posted_at, forward.at)), default="")
    return seen


def _note_ways(
    seen: dict[str, Seen], post: str, things: Iterable[Thing], forwards: Iterable[Forward]
) -> None:
    for thing in things:
        own = thing.posts.get(post)
        for one, carried in thing.posts.items():
            if one != post and one in seen:
                seen[one].ways.add(_way(thing.label, is_same=carried == own))
    for forward in forwards:
        for one in (forward.copy, forward.source):
            if one != post and one in seen:
                seen[one].ways.add(FORWARD)


def _hops(seen: dict[str, Seen], things: Iterable[Thing], forwards: Iterable[Forward]) -> list[Hop]:
    ways: dict[tuple[str, str], set[str]] = defaultdict(set)
    for forward in forwards:
        ways[forward.source, forward.copy].add(FORWARD)
    forwarded = {one.copy for one in forwards if one.source in seen}
    for thing in things:
        posts = sorted((one for one in thing.posts if one in seen), key=lambda k: _moment(seen[k]))
        for one in posts[1:]:
            if one not in forwarded:
                same = thing.posts[one] == thing.posts[posts[0]]
                ways[posts[0], one].add(_way(thing.label, is_same=same))
    return [
        Hop(
            source, target, tuple(sorted(how, key=WAYS.index)), _between(seen[source], seen[target])
        )
        for (source, target), how in sorted(ways.items(), key=lambda one: _order(seen, one[0]))
        if source in seen and target in seen
    ]


def _order(seen: dict[str, Seen], ends: tuple[str, str]) -> Any:
    source, target = ends
    return (
        _moment(seen[target]) if target in seen else ("", ""),
        _moment(seen[source]) if source in seen else ("", ""),
    )


def _way(label: str, *, is_same: bool) -> str:
    if label == PICTURE:
        return SAME_PICTURE if is_same else NEAR_PICTURE
    return SAME_TEXT if label == TEXT else SAME_LINK


def _moment(seen: Seen) -> tuple[str, str]:
    return seen.posted_at or _LATEST, seen.key


def _count_from(ordered: list[Seen]) -> None:
    first = next((one for one in ordered if one.posted_at), None)
    for one in ordered:
        one.after_seconds = _between(first, one) if first else None


def _between(first: Seen, then: Seen) -> float | None:
    if not (first.posted_at and then.posted_at):
        return None
    moments = [datetime.fromisoformat(one.posted_at) for one in (first, then)]
    return (moments[1] - moments[0]).total_seconds()
