"""How the parts of `diag_vision` put facts on a terminal."""

import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser


def add_json(parser: CommandParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def lines(rows: Sequence[tuple[str, Any]]) -> list[str]:
    """Names in a column; truth values as JSON writes them (CONTRACT A24)."""
    width = max(len(name) for name, _ in rows) + 2
    return [f"{name:<{width}}{_written(value)}" for name, value in rows]


def pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _written(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case None | "":
            return "-"
        case int():
            return f"{value:,}".replace(",", " ")
        case _:
            return str(value)
