"""Before and after of an entry, side by side."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone


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
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, indent=1)
    return _in_the_readers_zone(value) if value.endswith("+00:00") else value


def _in_the_readers_zone(text: str) -> str:
    """A time as entries keep it, in the current time zone; any other text as it is."""
    try:
        moment = datetime.fromisoformat(text)
        return timezone.localtime(moment).isoformat(sep=" ", timespec="seconds")
    except (ValueError, OverflowError):
        return text
