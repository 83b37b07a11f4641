"""
A scope as a filter of Qdrant: the tenants first, then filters, then what is excluded.

What Qdrant cannot do is told by `can_answer`: phrases and excluded words are matters of places
and stems, a name is asked for by a part of it, and a filter that this module does not know must
never be left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from search.documents import LONGEST_WORD
from search.index.port import Scope
from search.query_terms import Filters, Query

Json = dict[str, Any]
_LISTS: Final = {
    "channels": "channel_id",
    "albums": "album_id",
    "files": "has",
    "classes": "vision.classification",
    "languages": "lang",
}
"""Filters of which any value fits, and their fields."""
_EACH: Final = {"has": "has", "tags": "tags"}
"""Filters of which all values have to fit."""
_KNOWN: Final = {*_LISTS, *_EACH, "is_meme", "posted_from", "posted_before", "periods"}


def can_answer(query: Query, scope: Scope) -> bool:
    """Whether all that is asked for can be said to Qdrant."""
    asked = (scope.filters, scope.excluded)
    tags = (*query.tags, *scope.filters.tags, *scope.excluded.tags)
    if query.phrases or query.excluded or not all(map(_is_known, asked)):
        return False
    return all(len(tag) <= LONGEST_WORD for tag in tags)  # longer ones are in no payload


def of_scope(scope: Scope) -> Json:
    """The filter of a scope, as JSON."""
    found: Json = {
        "must": [
            of_tenants(scope.tenants), *_conditions(scope.filters), *_moments(scope.filters),
        ]
    }  # fmt: skip
    if excluded := list(_conditions(scope.excluded)):
        found["must_not"] = excluded
    return found


def of_tenants(tenants: Sequence[UUID]) -> Json:
    """The condition that every request begins with."""
    return _any("tenant_id", map(str, tenants))


def _is_known(filters: Filters) -> bool:
    nothing = Filters()
    return all(
        field.name in _KNOWN or getattr(filters, field.name) == getattr(nothing, field.name)
        for field in fields(filters)
    )


def _conditions(filters: Filters) -> Iterator[Json]:
    for name, key in _LISTS.items():
        if values := getattr(filters, name):
            yield _any(key, values)
    if filters.periods:
        yield {"should": [_range("posted_at", gte=a, lt=b) for a, b in filters.periods]}
    if filters.is_meme is not None:
        yield _is("vision.is_meme", filters.is_meme)
    for name, key in _EACH.items():
        yield from (_is(key, value) for value in getattr(filters, name))


def _moments(filters: Filters) -> Iterator[Json]:
    if filters.posted_from:
        yield _range("posted_at", gte=filters.posted_from)
    if filters.posted_before:
        yield _range("posted_at", lt=filters.posted_before)


def _any(key: str, values: Any) -> Json:
    return {"key": key, "match": {"any": [str(v) if isinstance(v, UUID) else v for v in values]}}


def _is(key: str, value: Any) -> Json:
    return {"key": key, "match": {"value": value}}


def _range(key: str, **bounds: Any) -> Json:
    return {"key": key, "range": {name: moment.isoformat() for name, moment in bounds.items()}}
