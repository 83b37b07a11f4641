"""The log as it is written: every line of a test's own process, as its fields."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from telegram_assistant.logs.formatter import build

Line = dict[str, Any]


@pytest.fixture
def log_lines() -> Iterator[Callable[..., list[Line]]]:
    """`log_lines("vision.")` returns the lines of such loggers so far, down to DEBUG."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(build(form="json", debug=True))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)

    def lines(prefix: str = "") -> list[Line]:
        every = [json.loads(line) for line in written.getvalue().splitlines()]
        return [line for line in every if line["logger"].startswith(prefix)]

    yield lines
    root.setLevel(before)
    root.removeHandler(handler)
