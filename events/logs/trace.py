"""The trace id, which connects events and log lines of one piece of work."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PATTERN = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
"""Pattern of an acceptable trace id from outside; it keeps line breaks out of the logs."""

_current: ContextVar[str] = ContextVar("trace_id", default="")


def current() -> str:
    """Return the trace id of the current work, or an empty string."""
    return _current.get()


def new() -> str:
    return uuid.uuid4().hex


@contextmanager
def use(trace_id: str) -> Iterator[None]:
    """Give `trace_id` to everything that is logged and published inside the block."""
    token = _current.set(trace_id)
    try:
        yield
    finally:
        _current.reset(token)
