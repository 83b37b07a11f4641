"""
What the work in hand is about; every line that is logged inside carries it.

The fields are named once, where the work begins, so no line has to repeat them. The trace id is
one more of them, which `events.logs.trace` keeps, since events carry it as well.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from structlog.contextvars import bound_contextvars

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def about(**fields: object) -> AbstractContextManager[None]:
    """Give these fields to every line that is logged inside; empty ones are left out."""
    return bound_contextvars(**{name: str(value) for name, value in fields.items() if value})


def carried(work: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Wrap work for another thread: it logs and publishes as part of what is in hand here."""
    context = copy_context()

    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        return context.run(work, *args, **kwargs)

    return run
