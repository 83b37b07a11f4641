"""Steps of the pipe that make the fields of a line out of what was logged."""

import traceback
from datetime import UTC, datetime
from logging import WARNING, LogRecord
from typing import Any, Final

from structlog.contextvars import get_contextvars
from structlog.typing import EventDict

from events.logs import trace
from events.logs.describe import chain, describe

OWN: Final[tuple[str, ...]] = (
    "sha256", "tenant_id", "post_id", "method", "path", "status", "milliseconds", "user_id",
    "content_type", "reason", "size_bytes",
)  # fmt: skip
"""What a single call may add with `extra`. Any other extra is left out: a library's may hold more."""
FRAMES: Final = 60


def basics(_: Any, __: str, event: EventDict) -> EventDict:
    """Time, level, who says so, the sentence, what the work is about, and the error."""
    record: LogRecord = event["_record"]
    args = event.get("positional_args") or ()
    line: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _sentence(event["event"], args),
        "pid": record.process,
    }
    line |= _context(record)
    if error := _error_of(record, event.get("exc_info"), args):
        line |= {"error_type": type(error).__name__, "exception": written(error)}
    return line


def _context(record: LogRecord) -> dict[str, Any]:
    """What the work is about, as the work itself says it and as this line says it."""
    trace_id = trace.current()
    own: dict[str, Any] = {name: record.__dict__[name] for name in OWN if name in record.__dict__}
    return {**({"trace_id": trace_id} if trace_id else {}), **get_contextvars(), **own}


def written(error: BaseException) -> str:
    """The error and its causes: the lines of the program, and a description instead of values."""
    return "\n\nwhich led to:\n".join(_one(each) for each in reversed(list(chain(error))))


def _one(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__, limit=-FRAMES))
    lead = f"Traceback (most recent call last):\n{frames}" if frames else ""
    name, text = type(error).__name__, describe(error)
    inner = getattr(error, "exceptions", ())  # of an ExceptionGroup
    return "\n".join([lead + (name if text == name else f"{name}: {text}"), *map(_one, inner)])


def _error_of(record: LogRecord, info: Any, args: Any) -> BaseException | None:
    """The error that the line is about: that of `exc_info`, or one that a warning names."""
    if isinstance(info, tuple) and isinstance(info[1], BaseException):
        return info[1]
    if record.levelno < WARNING or not isinstance(args, tuple):
        return None
    return next((arg for arg in args if isinstance(arg, BaseException)), None)


def _sentence(message: str, args: Any) -> str:
    """Fill the sentence in; an error is described, so that it repeats nobody's message."""
    if not args:
        return message
    if isinstance(args, tuple):
        args = tuple(describe(arg) if isinstance(arg, BaseException) else arg for arg in args)
    try:
        return str(message % args)
    except (TypeError, ValueError):
        return f"{message} (its figures do not fit)"
