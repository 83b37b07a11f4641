"""
Keys: what a post is found by beside its words, in the same index; see the migration `speed`.

With them the index leads to the posts of a tenant, a channel or a week, and to no others. They
are never the condition itself: two may share a number, so `matching` checks each row, too.
"""

from collections.abc import Iterable, Iterator, Sequence

from django.db.models import QuerySet

from search.index.port import Scope
from search.models import SearchDocument

SAMPLES = 256
"""Parts of equal size into which the last byte of their ids divides the posts of any choice."""
_OF_ROW = (
    "search_keys(search_documents.post_id, search_documents.tenant_id,"
    " search_documents.channel_id, search_documents.posted_at, search_documents.tags,"
    " search_documents.has, search_documents.lang, search_documents.classification)"
)


def with_keys(rows: QuerySet[SearchDocument], scope: Scope) -> QuerySet[SearchDocument]:
    """The same rows, found by their keys."""
    for kind, values in _any_of(scope):
        keys = ", ".join(["search_key(%s, %s)"] * len(values))
        parameters = [text for value in values for text in (kind, value)]
        rows = rows.extra(where=[f"{_OF_ROW} && ARRAY[{keys}]"], params=parameters)
    return rows


def of_weeks(rows: QuerySet[SearchDocument], weeks: Sequence[int]) -> QuerySet[SearchDocument]:
    """Those of some weeks, counted from 1970."""
    return rows.extra(where=[f"{_OF_ROW} && %s::int[]"], params=[list(weeks)])


def of_sample(rows: QuerySet[SearchDocument], samples: int) -> QuerySet[SearchDocument]:
    """The first `samples` of `SAMPLES` parts; the same posts each time."""
    numbers = [-1 - number for number in range(samples)]
    return rows.extra(where=[f"{_OF_ROW} && %s::int[]"], params=[numbers])


def carrying(tags: Sequence[str]) -> tuple[str, list[object]]:
    """The condition that a post has any of the tags, with its parameters."""
    keys = ", ".join(["search_key('tag', %s)"] * len(tags))
    sql = f"({_OF_ROW} && ARRAY[{keys}] AND search_documents.tags && %s::text[])"
    return sql, [*tags, list(tags)]


def _any_of(scope: Scope) -> Iterator[tuple[str, list[str]]]:
    """Kinds with values of which a post has at least one."""
    filters = scope.filters
    yield "tenant", _texts(scope.tenants)
    for kind, values in (
        ("channel", filters.channels),
        ("lang", filters.languages),
        ("class", filters.classes),
        ("has", filters.files),
    ):
        if values:
            yield kind, _texts(values)
    yield from (("has", [part]) for part in filters.has)
    yield from (("tag", [tag]) for tag in filters.tags)


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]
