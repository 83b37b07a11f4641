"""Before and after of an entry, side by side."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Compared:
    """One field; a side is None where the entry says nothing of it."""

    name: str
    before: str | None
    after: str | None


def rows(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Compared]:
    before, after = before or {}, after or {}
    names = [*before, *(name for name in after if name not in before)]
    return [Compared(name, _side(before, name), _side(after, name)) for name in names]


def _side(values: dict[str, Any], name: str) -> str | None:
    if name not in values:
        return None
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
