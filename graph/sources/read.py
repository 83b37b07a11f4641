"""Reads what is true of posts, albums and channels out of PostgreSQL, as facts for the graph."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from graph.facts import Facts
from graph.sources import albums, articles, pictures, posts
from graph.sources.articles import Link


@dataclass(frozen=True, slots=True)
class Changed:
    """Ids of what may have changed; whether it exists is looked up."""

    posts: list[UUID] = field(default_factory=list)
    albums: list[int] = field(default_factory=list)
    channels: list[UUID] = field(default_factory=list)
    articles: list[Link] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.posts) + len(self.albums) + len(self.channels) + len(self.articles)


def read(changed: Changed) -> Facts:
    """What is true of all that is named, and of pictures, articles and channels that belong to it."""
    facts = Facts()
    shown = posts.read(changed.posts, facts)
    albums.read(changed.albums, facts)
    posts.read_channels(_channels(changed.channels, facts), facts)
    pictures.read(shown, facts)
    articles.read(changed.articles, facts)
    return facts


def version_now() -> int:
    """
    Microseconds of the database's clock, the one clock of all hosts. Ask it before reading.

    Whoever reads after a change has a greater version than whoever read before it, so that what
    was read later wins, whoever writes first.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(cursor.fetchone()[0])


def _channels(named: Iterable[UUID], facts: Facts) -> set[UUID]:
    """Channels that are named, and those of posts and albums that were read."""
    told = (properties for properties in facts.owners.values() if properties)
    return set(named) | {UUID(one["channel_id"]) for one in told if "channel_id" in one}
