"""The trace id: given at the first event, carried by every later one and by every log line."""

import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PATTERN = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
"""What a trace id from outside must match to be taken over (no line breaks into logs)."""

_current: ContextVar[str] = ContextVar("trace_id", default="")


def current() -> str:
    """The trace id of the work in hand, or an empty string outside of any."""
    return _current.get()


def new() -> str:
    return uuid.uuid4().hex


@contextmanager
def use(trace_id: str) -> Iterator[None]:
    """Everything logged and published inside carries `trace_id`."""
    token = _current.set(trace_id)
    try:
        yield
    finally:
        _current.reset(token)


class TraceFilter(logging.Filter):
    """Gives every log record a `trace_id`."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.trace_id = current() or "-"
        return True
