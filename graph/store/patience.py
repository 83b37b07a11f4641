"""How long a question waits for a graph that may hang: it accepts connections, and never answers."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import Final, TypeVar

from django.utils.translation import get_language, override

Result = TypeVar("Result")
QUESTION_SECONDS: Final = 3.0
"""After so long without an answer the graph is asked whether it is there at all."""
SIGN_SECONDS: Final = 2.0
"""How long it has for that. A graph that is there may take its time for the question."""


def in_time(question: Callable[[], Result], sign_of_life: Callable[[], object]) -> Result:
    """
    The answer to a question; raises TimeoutError after 5 seconds without it or a sign of life.

    The driver's own patience is the longer, and without end once a connection is open.
    """
    asked = _begin(question)
    try:
        return asked.result(timeout=QUESTION_SECONDS)
    except TimeoutError:
        if asked.done():
            raise
    _begin(sign_of_life).result(timeout=SIGN_SECONDS)
    return asked.result()


def _begin(work: Callable[[], Result]) -> "Future[Result]":
    """Do it in a thread of its own. No pool: a server that ends would wait for the graph."""
    future: Future[Result] = Future()
    args = (_settle, future, work, get_language())  # which Django keeps for each thread
    Thread(target=copy_context().run, args=args, daemon=True).start()
    return future


def _settle(future: "Future[Result]", work: Callable[[], Result], language: str | None) -> None:
    """Every failure goes to whoever asked, in the language of whoever asked."""
    try:
        with override(language):
            future.set_result(work())
    except BaseException as failure:  # noqa: BLE001 - it is raised again, in the asking thread
        future.set_exception(failure)
