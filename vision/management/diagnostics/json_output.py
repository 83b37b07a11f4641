"""The option --json of the parts of `diag_vision`, and how they write JSON."""

import json
from typing import Any

from django.core.management.base import CommandParser


def add_json_option(parser: CommandParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def indented(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
