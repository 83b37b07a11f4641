"""
Merge what several sources say of one thing, field by field. Pure: no queries.

Of two values the one of the newer source counts. A source that does not mention a field says
nothing of it: then an older one may. Each field remembers the age of who said it, so the result is
the same in whatever order the sources come, and however often.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

Value = tuple[Any, ...]
"""A value may be several columns that belong together: a text and its links."""
_GAPS: tuple[Value, ...] = ((None,), ("",), ([],), ({},))
"""What is null or empty says nothing, but is kept as long as nobody says something."""
_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=str).encode


@dataclass(slots=True)
class Statements:
    """
    The values that were said, by field. `as_of` is the age of the newest source (text that sorts),
    and of each field that is not in `older`.
    """

    values: dict[str, Value]
    as_of: str = ""
    older: Mapping[str, str] = field(default_factory=dict)

    def age(self, name: str) -> str:
        return self.older.get(name, self.as_of)

    def says_more_than(self, other: "Statements") -> bool:
        """Whether a field of the newest age is not said by the newest source of `other`, too."""
        return any(
            name not in self.older and (name in other.older or other.values.get(name) != value)
            for name, value in self.values.items()
            if value not in _GAPS
        )


class Newest(Enum):
    """Which source alone explains all fields of the newest age in the result of a merge."""

    STORED = "stored"
    INCOMING = "incoming"
    EITHER = "either"
    NEITHER = "neither"


@dataclass(slots=True)
class Merged:
    statements: Statements
    newest: Newest


def merge(stored: Statements, incoming: Statements) -> Merged:
    """Merge both; neither is changed."""
    as_of = max(stored.as_of, incoming.as_of)
    values, older = {}, {}
    for name in stored.values | incoming.values:
        winner = incoming if wins(incoming, stored, name) else stored
        values[name] = winner.values[name]
        age = _age(winner, stored, incoming, name)
        if age != as_of and values[name] not in _GAPS:
            older[name] = age
    merged = Statements(values, as_of, older)
    return Merged(merged, _newest(stored, incoming, merged))


def wins(one: Statements, other: Statements, name: str) -> bool:
    """
    Whether the field of `one` counts, not that of `other`.

    Sources of the same age differ by their options or versions: the larger number counts, the
    longer text, the weightier file, then the order of the values, so that it is never the order
    of the imports.
    """
    if name not in one.values or name not in other.values:
        return name in one.values
    if one.values[name] == other.values[name]:
        return one.age(name) > other.age(name)
    return _weight(one, name) > _weight(other, name)


def _weight(said: Statements, name: str) -> tuple[bool, str, tuple[float, str]]:
    value = said.values[name]
    is_gap = value in _GAPS
    return not is_gap, "" if is_gap else said.age(name), _rank(value)


def _age(winner: Statements, stored: Statements, incoming: Statements, name: str) -> str:
    same = stored.values.get(name) == incoming.values.get(name)
    return max(stored.age(name), incoming.age(name)) if same else winner.age(name)


def _rank(value: Value) -> tuple[float, str]:
    first, size = value[0], 0.0
    if first is None:  # of several columns: another one says something
        size = -math.inf
    elif isinstance(first, int | float):
        size = first
    elif not isinstance(first, datetime):
        size = getattr(first, "weight", len(_canonical(first)))
    return size, _canonical(value)


def _newest(stored: Statements, incoming: Statements, merged: Statements) -> Newest:
    if stored.as_of != incoming.as_of:
        return Newest.STORED if stored.as_of > incoming.as_of else Newest.INCOMING
    by_stored = not merged.says_more_than(stored)
    by_incoming = not merged.says_more_than(incoming)
    if by_stored and by_incoming:
        return Newest.EITHER
    if by_stored or by_incoming:
        return Newest.STORED if by_stored else Newest.INCOMING
    return Newest.NEITHER
