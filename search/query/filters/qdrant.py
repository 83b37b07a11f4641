"""The typed filters as Qdrant has them: JSON only, so that the client is not needed."""

from datetime import datetime
from typing import Any

from search.query.filters.conditions import (
    Bound,
    Condition,
    FilterConditions,
    Match,
    MatchAny,
    Range,
)


def qdrant_filter(filters: FilterConditions) -> dict[str, Any]:
    """The conditions as the JSON of a filter of Qdrant."""
    return {"must": [_qdrant(condition) for condition in filters.conditions]}


def _qdrant(condition: Condition) -> dict[str, Any]:
    match condition:
        case Match(field, value):
            return {"key": field, "match": {"value": value}}
        case MatchAny(field, values):
            return {"key": field, "match": {"any": list(values)}}
        case Range(field):
            return {
                "key": field,
                "range": {name: _json(one) for name, one in condition.bounds.items()},
            }


def _json(bound: Bound) -> float | str:
    return bound.isoformat() if isinstance(bound, datetime) else bound
