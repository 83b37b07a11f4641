"""
Keys: what a post is found by beside its words, in the same index; see the migration `speed`.

With them the index leads to the posts of a tenant, a channel or a week, and to no others. They
are never the condition itself: two may share a number, so `matching` checks each row, too.
"""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from search.index.port import Scope
from search.index.postgresql import planning
from search.index.postgresql.candidates.weeks import spans, weeks_of
from search.models import SearchDocument

_GOOD_PART = 0.2
SAMPLES = 8
"""The smallest sample is half of a half and so on, so many times."""
_OF_ROW = (
    "search_keys(search_documents.post_id, search_documents.tenant_id,"
    " search_documents.channel_id, search_documents.posted_at, search_documents.tags,"
    " search_documents.has, search_documents.lang, search_documents.classification,"
    " search_documents.is_meme)"
)
Rows = QuerySet[SearchDocument]


class Keys:
    """The keys of a scope: rows that fulfil it are found by them."""

    def __init__(self, scope: Scope) -> None:
        kinds = list(_any_of(scope))
        self._where = [_any_key(len(values)) for _, values in kinds]
        self._parameters = [
            text for kind, values in kinds for one in values for text in (kind, one)
        ]
        self._weeks = weeks_of(scope.filters)

    def find(self, rows: Rows, *, weeks: tuple[int, int] | None = None) -> Rows:
        """The same rows, found by their keys; if weeks are given, only those from one to the other."""
        found = only(rows, *self._where, parameters=self._parameters)
        dated = weeks or self._weeks
        if dated is None:
            return found
        return only(found, f"{_OF_ROW} && %s::int[]", parameters=[spans(*dated)])


def of_sample(rows: Rows, halvings: int) -> Rows:
    """A half of a half and so on of the rows, at most `SAMPLES` times; the same ones each time."""
    return only(rows, f"{_OF_ROW} && ARRAY[%s]", parameters=[halvings - 1 - SAMPLES])


def only(rows: Rows, *conditions: str, parameters: Sequence[object]) -> Rows:
    """The rows that fulfil conditions in SQL, which are constants with placeholders."""
    return rows.extra(where=list(conditions), params=list(parameters))  # noqa: S610 - see above


def carrying(tags: Sequence[str]) -> tuple[str, list[object]]:
    """The condition that a post has any of the tags, with its parameters."""
    keys = ", ".join(["search_key('tag', %s)"] * len(tags))
    sql = f"({_OF_ROW} && ARRAY[{keys}] AND search_documents.tags && %s::text[])"
    return sql, [*tags, list(tags)]


def _any_of(scope: Scope) -> Iterator[tuple[str, list[str]]]:
    """Kinds with values of which a post has at least one."""
    filters = scope.filters
    if not _are_many(scope.tenants):
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


def _any_key(count: int) -> str:
    return f"{_OF_ROW} && ARRAY[{', '.join(['search_key(%s, %s)'] * count)}]"


def _are_many(tenants: Sequence[UUID]) -> bool:
    """Whether the tenants have a good part of all posts: to compare a key then costs more than it saves."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(posts), 0) FROM search_words"
            " WHERE tenant_id = ANY(%s) AND word = ''",
            [list(tenants)],
        )
        [posts] = cursor.fetchone()
    return int(posts) > _GOOD_PART * planning.rows_in("search_documents")
