"""
The typed filters of the call `search_vectors(collection, vector, limit, filter_conditions)`.

A dict of field names and values becomes conditions whose types are known, or is refused with the
name of the field. All conditions have to hold. The tenant is no matter of these: every adapter
puts its own condition before them.
"""

import math
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from search.query.filters.conditions import (
    BOUNDS,
    FIELDS,
    Bound,
    Condition,
    FieldType,
    FilterConditions,
    FilterRefused,
    Match,
    MatchAny,
    Range,
    Scalar,
)

MOST_CONDITIONS = 50
MOST_VALUES = 1000
BIGGEST_INTEGER = 2**63 - 1
SHOWN_CHARS = 40


def read_filters(
    filter_conditions: Mapping[str, Any] | None, *, fields: Mapping[str, FieldType] = FIELDS
) -> FilterConditions:
    """
    Read the dict of the call: `{"album_id": 12345, "tags": ["a", "b"], "posted_at": {"gte": …}}`.

    A list asks for any of its values, a dict for a range. Raises FilterRefused: nothing is
    converted, since 1 for true or "12345" for 12345 is a mistake that would find nothing.
    """
    given = filter_conditions or {}
    if len(given) > MOST_CONDITIONS:
        raise FilterRefused("filter_conditions", f"at most {MOST_CONDITIONS} fields")
    return FilterConditions(tuple(_condition(name, value, fields) for name, value in given.items()))


def _condition(name: str, value: Any, fields: Mapping[str, FieldType]) -> Condition:
    if name not in fields:
        raise FilterRefused(str(name), f"unknown; there are {', '.join(sorted(fields))}")
    kind = fields[name]
    if isinstance(value, Mapping):
        return _range(name, value, kind)
    if isinstance(value, list | tuple):
        return MatchAny(name, _values(name, list(value), kind))
    return Match(name, _scalar(name, value, kind))


def _values(name: str, values: list[Any], kind: FieldType) -> tuple[Scalar, ...]:
    if not 0 < len(values) <= MOST_VALUES:
        raise FilterRefused(name, f"a list has 1 to {MOST_VALUES} values, not {len(values)}")
    return tuple(dict.fromkeys(_scalar(name, value, kind) for value in values))


def _scalar(name: str, value: Any, kind: FieldType) -> Scalar:
    if kind not in _IS_A:
        raise FilterRefused(name, f"a {kind} is asked for by a range: {_RANGE}")
    if not _IS_A[kind](value):
        raise FilterRefused(name, f"a {kind} is asked for, not {_shown(value)}")
    found: Scalar = value
    return found


def _range(name: str, value: Mapping[str, Any], kind: FieldType) -> Range:
    if kind not in _BOUND:
        raise FilterRefused(name, f"a {kind} has no range")
    if unknown := sorted(map(str, value.keys() - set(BOUNDS))):
        raise FilterRefused(name, f"unknown bounds {', '.join(unknown)}; a range is {_RANGE}")
    bounds = {bound: _bound(name, one, kind) for bound, one in value.items() if one is not None}
    if not bounds:
        raise FilterRefused(name, f"a range without bounds; it is {_RANGE}")
    return Range(name, **bounds)


def _bound(name: str, value: Any, kind: FieldType) -> Bound:
    found = _BOUND[kind](value)
    if found is None:
        raise FilterRefused(name, f"{_shown(value)} is no bound of a {kind}")
    return found


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    """A bool is an int for Python, not for whoever asks."""
    return type(value) is int and abs(value) <= BIGGEST_INTEGER


def _is_keyword(value: Any) -> bool:
    """Text that a database takes: without NUL and halves of surrogate pairs."""
    return type(value) is str and not any(
        char == "\0" or unicodedata.category(char) == "Cs" for char in value
    )


def _number(value: Any) -> Bound | None:
    is_number = _is_integer(value) or (type(value) is float and math.isfinite(value))
    return value if is_number else None


def _moment(value: Any) -> Bound | None:
    """A datetime or its ISO form; without a time zone it is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC)
    except OverflowError:  # the first day of the year 1, east of Greenwich
        return None


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text[:SHOWN_CHARS]}"


_RANGE = '{"gte": …, "gt": …, "lte": …, "lt": …}'
_IS_A: Mapping[FieldType, Callable[[Any], bool]] = {
    FieldType.INTEGER: _is_integer,
    FieldType.KEYWORD: _is_keyword,
    FieldType.KEYWORDS: _is_keyword,
    FieldType.BOOLEAN: _is_boolean,
}
"""By equality nobody asks for a score or a moment."""
_BOUND: Mapping[FieldType, Callable[[Any], Bound | None]] = {
    FieldType.INTEGER: _number,
    FieldType.NUMBER: _number,
    FieldType.DATETIME: _moment,
}
