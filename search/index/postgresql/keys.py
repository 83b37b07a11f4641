"""
Keys: what a post is found by beside its words, in the same index; see the migration `speed`.

With them the index leads to the posts of a tenant, a channel or a week, and to no others. They
are never the condition itself: two may share a number, so `matching` checks each row, too.
"""

from collections.abc import Iterable, Iterator, Sequence

from django.db.models import QuerySet

from search.index.port import Scope
from search.index.postgresql.weeks import spans, weeks_of
from search.models import SearchDocument

SAMPLES = 8
"""The smallest sample is half of a half and so on, so many times."""
_OF_ROW = (
    "search_keys(search_documents.post_id, search_documents.tenant_id,"
    " search_documents.channel_id, search_documents.posted_at, search_documents.tags,"
    " search_documents.has, search_documents.lang, search_documents.classification,"
    " search_documents.is_meme)"
)
Rows = QuerySet[SearchDocument]


def with_keys(rows: Rows, scope: Scope, *, weeks: tuple[int, int] | None = None) -> Rows:
    """The same rows, found by their keys; if weeks are given, only those from one to the other."""
    for kind, values in _any_of(scope):
        keys = ", ".join(["search_key(%s, %s)"] * len(values))
        parameters = [text for value in values for text in (kind, value)]
        rows = rows.extra(where=[f"{_OF_ROW} && ARRAY[{keys}]"], params=parameters)
    dated = weeks or weeks_of(scope.filters)
    return rows.extra(where=[f"{_OF_ROW} && %s::int[]"], params=[spans(*dated)]) if dated else rows


def of_sample(rows: Rows, halvings: int) -> Rows:
    """A half of a half and so on of the rows, at most `SAMPLES` times; the same ones each time."""
    return rows.extra(where=[f"{_OF_ROW} && ARRAY[%s]"], params=[halvings - 1 - SAMPLES])


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
    if filters.is_meme is not None:
        yield "meme", [str(filters.is_meme).lower()]
    yield from (("has", [part]) for part in filters.has)
    yield from (("tag", [tag]) for tag in filters.tags)


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]
