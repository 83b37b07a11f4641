"""Which channels share content, how much, and who had it first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final
from uuid import UUID

from graph.queries.carriers import titles_of
from graph.store import connection
from media.models import channel_id

MOST_CHANNELS: Final = 50
"""Channels of one thing that are counted in pairs: what more have is no one's."""
_PICTURE: Final = "(t:ImageContent {tenant_id: $tenant})<-[:HAS_IMAGE]-(p:Post)"
THINGS: Final = {
    "pictures": (_PICTURE, "t.source_sha256"),
    "texts": ("(t:Text {tenant_id: $tenant})<-[:SAYS]-(p:Post)", "t.key"),
    "links": ("(t:Article {tenant_id: $tenant})<-[:REFERS_TO]-(p:Post)", "t.key"),
}


@dataclass(slots=True)
class Pair:
    """
    Two channels, and how many pictures, texts and links both have.

    `first_earlier` counts the things that `first` had before `second`, `forwards` the forwards from
    one to the other.
    """

    first: str
    second: str
    pictures: int = 0
    texts: int = 0
    links: int = 0
    first_earlier: int = 0
    second_earlier: int = 0
    forwards_to_second: int = 0
    forwards_to_first: int = 0
    names: dict[str, str] = field(default_factory=dict)

    @property
    def shared(self) -> int:
        forwards = self.forwards_to_first + self.forwards_to_second
        return self.pictures + self.texts + self.links + forwards


def shared_content(
    tenants: Iterable[UUID], *, channel: UUID | None = None, limit: int = 100
) -> list[Pair]:
    """The pairs of channels of these tenants that share most, of one channel or of all."""
    pairs: dict[tuple[str, str], Pair] = {}
    for tenant in tenants:
        for what, (pattern, thing) in THINGS.items():
            for who in _holders(pattern, thing, tenant):
                _count(pairs, what, who)
        _count_forwards(pairs, tenant)
    only = str(channel) if channel else None
    chosen = [one for one in pairs.values() if only in {None, one.first, one.second}]
    best = sorted(chosen, key=lambda one: (-one.shared, one.first, one.second))[:limit]
    titles = titles_of({key for one in best for key in (one.first, one.second)})
    for one in best:
        one.names |= {key: title for key, title in titles.items() if title}
    return best


def _holders(pattern: str, thing: str, tenant: UUID) -> Iterator[dict[str, str]]:
    """For each thing that several channels have: when each channel had it first."""
    rows = connection.stream(
        f"MATCH {pattern} WITH {thing} AS thing, p.channel_id AS channel, min(p.posted_at) AS first"
        " WITH thing, collect(channel) AS channels, collect(first) AS moments"
        " WHERE size(channels) > 1 RETURN channels, moments",
        tenant=str(tenant),
    )
    for row in rows:
        if len(row["channels"]) <= MOST_CHANNELS:
            yield dict(zip(row["channels"], row["moments"], strict=True))


def _count(pairs: dict[tuple[str, str], Pair], what: str, who: dict[str, str]) -> None:
    for one, other in combinations(sorted(who), 2):
        pair = pairs.setdefault((one, other), Pair(one, other))
        setattr(pair, what, getattr(pair, what) + 1)
        pair.first_earlier += who[one] < who[other]
        pair.second_earlier += who[other] < who[one]


def _count_forwards(pairs: dict[tuple[str, str], Pair], tenant: UUID) -> None:
    rows: list[dict[str, Any]] = connection.ask(
        "MATCH (p:Post {tenant_id: $tenant})-[r:FORWARDED_FROM]->()"
        " RETURN p.channel_id AS channel, r.chat_id AS chat, max(r.name) AS name, count(r) AS found",
        tenant=str(tenant),
    )
    totals: dict[tuple[str, str], int] = defaultdict(int)
    names: dict[str, str] = {}
    for row in rows:
        source = str(channel_id(tenant, row["chat"]))
        names[source] = row["name"] or str(row["chat"])
        if source != row["channel"]:
            totals[source, row["channel"]] += row["found"]
    for (source, target), found in totals.items():
        one, other = sorted((source, target))
        pair = pairs.setdefault((one, other), Pair(one, other))
        to = "forwards_to_second" if target == other else "forwards_to_first"
        setattr(pair, to, getattr(pair, to) + found)
        pair.names[source] = names[source]
