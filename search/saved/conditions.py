"""
What a saved search demands of a post: the conditions of a search, and all of its words.

A search ranks posts that have any of the words; here there is no rank, so a post has to have each
of them. Words are compared by their stems and not corrected, and meaning is not compared: what
matches would change with the vocabulary and the model, and nobody could say why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from uuid import UUID

from django.db.models import QuerySet

from search.index.postgresql.conditions import matching
from search.models import SearchDocument
from search.query_terms import Filters
from search.saved.spoken import needs_of
from search.services import asked
from search.services.asked import Asked


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
    needed = needs_of([one.query.words for one in read])
    return [Demand(one, needs) for one, needs in zip(read, needed, strict=True)]
