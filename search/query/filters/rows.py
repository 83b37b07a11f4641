"""The typed filters as conditions on rows of PostgreSQL."""

from collections.abc import Mapping
from functools import reduce
from operator import and_

from django.db.models import Q

from search.query.filters.conditions import (
    Condition,
    FilterConditions,
    FilterRefused,
    Match,
    MatchAny,
)

EVERY_ROW = Q()


def filter_rows(
    filters: FilterConditions,
    *,
    columns: Mapping[str, str],
    arrays: frozenset[str] = frozenset(),
) -> Q:
    """
    The conditions as a Q. `columns` has the lookup of each field, such as `album_id` or
    `post__created_at`; `arrays` names the fields whose column is an array.

    Raises FilterRefused for a field without a column: a filter that is ignored would show posts
    that were not asked for.
    """
    found = (_row(one, columns, arrays) for one in filters.conditions)
    return reduce(and_, found, EVERY_ROW)


def _row(condition: Condition, columns: Mapping[str, str], arrays: frozenset[str]) -> Q:
    field = condition.field
    if field not in columns:
        raise FilterRefused(field, f"not in this index; there are {', '.join(sorted(columns))}")
    column, is_array = columns[field], field in arrays
    match condition:
        case Match(_, value):
            return Q(**({f"{column}__contains": [value]} if is_array else {column: value}))
        case MatchAny(_, values):
            return Q(**{f"{column}__{'overlap' if is_array else 'in'}": list(values)})
        case _:
            return Q(**{f"{column}__{name}": bound for name, bound in condition.bounds.items()})
