"""Which posts carry what a post shows, says and links to, and which were forwarded from which."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from graph.facts import ARTICLE, PICTURE, TEXT
from graph.store import connection

MOST_POSTS: Final = 1000
"""Posts that one answer is about: more are neither read nor drawn."""
_CARRIED_BY: Final = {PICTURE: "HAS_IMAGE", TEXT: "SAYS", ARTICLE: "REFERS_TO"}


@dataclass(frozen=True, slots=True)
class Forward:
    """`copy` was forwarded from `source`, a post or, where the message is not known, a channel."""

    copy: str
    source: str
    source_label: str
    chat_id: int | None
    name: str
    at: str


@dataclass(slots=True)
class Thing:
    """A picture (with those that look like it), a text or a link, and the posts that carry it."""

    label: str
    key: str
    posts: dict[str, str] = field(default_factory=dict)
    """Key of each post, and of the very node that it carries: pictures that look alike are many."""


def things_of(post: str) -> list[Thing]:
    """What a post carries, with all that carry it, too."""
    rows = connection.ask(
        "MATCH (:Post {key: $key})-[:HAS_IMAGE|SAYS|REFERS_TO]->(t)"
        " RETURN labels(t) AS labels, t.key AS key, t.tenant_id AS tenant, t.source_sha256 AS source",
        key=post,
    )
    found: dict[tuple[str, str], Thing] = {}
    for row in rows:
        label = row["labels"][0]
        key = f"{row['tenant']}:{row['source']}" if label == PICTURE else row["key"]
        found[label, key] = Thing(label, key)
    for thing in found.values():
        thing.posts = dict(_carriers(thing))
    return list(found.values())


def forwards_of(posts: Iterable[str]) -> tuple[set[str], list[Forward]]:
    """Whatever these posts were forwarded from and to, and those in turn; with each forward."""
    seen, forwards = set(posts), dict[tuple[str, str], Forward]()
    frontier = set(seen)
    while frontier and len(seen) < MOST_POSTS:
        found = list(_forwards(sorted(frontier)))
        forwards |= {(one.copy, one.source): one for one in found}
        ends = {one.copy for one in found} | {one.source for one in found if _is_post(one)}
        frontier = ends - seen
        seen |= frontier
    return seen, list(forwards.values())


def posts_by_key(posts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the graph knows of posts, with the titles of their channels."""
    rows = connection.ask(
        "UNWIND $keys AS key MATCH (p:Post {key: key}) RETURN properties(p) AS told",
        keys=list(posts),
    )
    told: dict[str, dict[str, Any]] = {row["told"]["key"]: row["told"] for row in rows}
    titles = titles_of({one["channel_id"] for one in told.values() if one.get("channel_id")})
    for one in told.values():
        one["channel"] = titles.get(one.get("channel_id", ""), "")
    return told


def titles_of(channels: Iterable[str]) -> dict[str, str]:
    """Titles of channels, or their usernames, or their numbers in Telegram."""
    rows = connection.ask(
        "UNWIND $keys AS key MATCH (c:Channel {key: key}) RETURN c.key AS key, c.title AS title,"
        " c.username AS username, c.tg_channel_id AS number",
        keys=list(channels),
    )
    return {row["key"]: row["title"] or row["username"] or str(row["number"] or "") for row in rows}


def _carriers(thing: Thing) -> Iterator[tuple[str, str]]:
    nodes = [thing.key]
    if thing.label == PICTURE:
        alike = connection.ask(
            "MATCH (:ImageContent {key: $key})<-[:LOOKS_LIKE]-(i:ImageContent) RETURN i.key AS key",
            key=thing.key,
        )
        nodes += [row["key"] for row in alike]
    rows = connection.ask(
        f"UNWIND $keys AS key MATCH (t:{thing.label} {{key: key}})"
        f"<-[:{_CARRIED_BY[thing.label]}]-(p:Post)"
        " RETURN key, p.key AS post ORDER BY p.posted_at LIMIT $most",
        keys=nodes,
        most=MOST_POSTS,
    )
    by_post: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_post[row["post"]].append(row["key"])
    for post, carried in by_post.items():
        yield post, thing.key if thing.key in carried else min(carried)


def _forwards(posts: list[str]) -> Iterator[Forward]:
    told = " RETURN p.key AS copy, o.key AS source, labels(o) AS labels, properties(r) AS told"
    for pattern in (
        "(p:Post {key: key})-[r:FORWARDED_FROM]->(o)",
        "(o:Post {key: key})<-[r:FORWARDED_FROM]-(p:Post)",
    ):
        for row in connection.ask(f"UNWIND $keys AS key MATCH {pattern}{told}", keys=posts):
            edge = row["told"]
            yield Forward(
                row["copy"], row["source"], row["labels"][0],
                edge.get("chat_id"), edge.get("name", ""), edge.get("at", ""),
            )  # fmt: skip


def _is_post(forward: Forward) -> bool:
    return forward.source_label == "Post"
