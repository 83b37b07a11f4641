"""The pipe: from a record of Python's logging to a line of text."""

import json
from typing import Any

from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from events.logs.redaction import redact
from telegram_assistant.logs import fields
from telegram_assistant.logs.form import Form

TERMINAL_FIELDS_LAST = ("pid", "timestamp", "level", "logger", "event", "exception")
"""What a line of text shows at its beginning or end, or not at all."""
HARMLESS = frozenset(
    {
        "timestamp", "level", "logger", "trace_id", "tenant_id", "sha256", "post_id", "channel_id",
        "subscriber", "error_type", "method",
    }
)  # fmt: skip
"""Fields made of ids and names of the program."""
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_CONTROL |= {ord("\n"): "\\n", ord("\t"): "\\t"}


def build(*, form: str, debug: bool) -> ProcessorFormatter:
    """The formatter of the one handler; `form` is json or text."""
    last: Processor = Text(all_tracebacks=debug) if form == Form.TEXT else as_json
    return ProcessorFormatter(
        processors=[fields.basics, without_secrets, last],
        use_get_message=False,
        pass_foreign_args=True,
    )


def without_secrets(_: Any, __: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if isinstance(value, str) and name not in HARMLESS:
            event[name] = redact(value)
    return event


def as_json(_: Any, __: str, event: EventDict) -> str:
    """One object in one line; words stay readable, and no byte of it breaks the line."""
    return json.dumps(event, ensure_ascii=False, default=str).replace("\u2028", "\\u2028")


class Text:
    """`12:30:01 INFO  events.delivery.run: what happened  trace_id=… tenant_id=…`."""

    def __init__(self, *, all_tracebacks: bool) -> None:
        self._all_tracebacks = all_tracebacks

    def __call__(self, _: Any, __: str, event: EventDict) -> str:
        rest = (f"{k}={v}" for k, v in event.items() if k not in TERMINAL_FIELDS_LAST)
        line = f"{event['logger']}: {event['event']}  {' '.join(rest)}".rstrip()
        # A sentence may repeat what a stranger sent: no control character reaches the terminal.
        line = f"{event['timestamp'][11:19]} {event['level'].upper():<9}{line.translate(_CONTROL)}"
        if "exception" in event and (self._all_tracebacks or event["level"] in _SERIOUS):
            line += f"\n{event['exception']}"
        return line


_SERIOUS = frozenset({"error", "critical"})
"""Levels whose lines show the traceback on a terminal; JSON always has it."""
