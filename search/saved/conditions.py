"""
What a saved search demands of a post: the conditions of a search, and all of its words.

A search ranks posts that have any of the words; here there is no rank, so a post has to have each
of them. Words are compared by their stems and not corrected, and meaning is not compared: what
matches would change with the vocabulary and the model, and nobody could say why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from search.documents import asked_form
from search.index.postgresql.conditions import matching
from search.models import SearchDocument
from search.query_terms import Filters
from search.services import asked
from search.services.asked import Asked
from search.words import STOP_WORDS


@dataclass(frozen=True, slots=True)
class Demand:
    """A query that was read; `needs` is a tsquery of all its words, empty where it has none."""

    asked: Asked
    needs: str

    @property
    def is_empty(self) -> bool:
        """Whether every post would do."""
        query, scope = self.asked.query, self.asked.scope
        words = self.needs or query.phrases or query.tags or query.excluded
        return not words and Filters() == scope.filters == scope.excluded

    def documents(self) -> QuerySet[SearchDocument]:
        """Select the documents that match, in no order."""
        query = self.asked.query
        rows = matching(self.asked.scope, query)
        if query.tags:
            rows = rows.filter(tags__contains=list(query.tags))
        if self.needs:
            rows = rows.extra(where=["words @@ %s::tsquery"], params=[self.needs])
        return rows


def demands(
    queries: Sequence[tuple[str, Sequence[UUID], tzinfo]], *, now: datetime
) -> list[Demand]:
    """Read texts, each for posts of some tenants and with the dates of a time zone."""
    read = [asked.read(text, tenants, now=now, zone=zone) for text, tenants, zone in queries]
    needed = _needs([_words(one) for one in read])
    return [Demand(one, needs) for one, needs in zip(read, needed, strict=True)]


def having_words(needs: Mapping[UUID, str], post_ids: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Pairs of a key of `needs` and a post whose document fits that tsquery; by one statement."""
    if not needs:
        return []
    with connection.cursor() as cursor:
        # The documents first and once, by their keys: the planner takes @@ for more selective.
        cursor.execute(
            "WITH documents AS MATERIALIZED"
            " (SELECT post_id, words FROM search_documents WHERE post_id = ANY(%s))"
            " SELECT key, post_id FROM unnest(%s::uuid[], %s::text[]::tsquery[]) AS asked (key, needs)"
            " JOIN documents ON words @@ needs",
            [list(post_ids), list(needs), list(needs.values())],
        )
        rows: list[tuple[UUID, UUID]] = cursor.fetchall()
        return rows


def _words(read: Asked) -> list[str]:
    return [word for word in read.query.words if word.lower() not in STOP_WORDS]


def _needs(queries: Sequence[Sequence[str]]) -> list[str]:
    """Make a tsquery of the words of each query, by one statement for all."""
    words = [(number, word) for number, query in enumerate(queries) for word in query]
    needs: list[list[str]] = [[] for _ in queries]
    if not words:
        return [""] * len(queries)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, plainto_tsquery('russian', form)::text"
            " FROM unnest(%s::int[], %s::text[]) WITH ORDINALITY AS w (number, form, n) ORDER BY n",
            [[number for number, _ in words], [asked_form(word) for _, word in words]],
        )
        for number, part in cursor.fetchall():
            if part:  # of «и» and «в» nothing is left
                needs[number].append(part)
    return [" & ".join(f"({part})" for part in parts) for parts in needs]
