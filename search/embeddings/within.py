"""A limit of time around an encoder that a person waits for."""

import contextvars
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from events.sentences import Sentence, gettext_noop
from search.embeddings.port import Encoder, EncoderUnavailable, Vector

REST: Final = 10.0
"""Seconds for which an encoder that failed is not asked again: of its failure one person waits."""
MOST_HANGING: Final = 4
"""Threads that wait for one encoder; no more are begun for one that never answers."""
_SLOW: Final = Sentence(gettext_noop("the encoder has not answered within %(seconds)s s"))


@dataclass(slots=True)
class _State:
    failure: str = ""
    until: float = 0.0
    running: int = 0
    lock: Any = field(default_factory=threading.Lock)


_states: WeakKeyDictionary[Encoder, _State] = WeakKeyDictionary()


def query_vector(encoder: Encoder, text: str, *, seconds: float) -> Vector:
    """
    The vector of a query, within so many seconds.

    The call goes on in its thread, if it is not ended by then. Raises EncoderUnavailable.
    """
    state = _states.setdefault(encoder, _State())
    if state.failure and time.monotonic() < state.until:
        raise EncoderUnavailable(state.failure)
    try:
        [vector] = _in_thread(lambda: encoder.encode_queries([text]), state, seconds=seconds)
    except EncoderUnavailable as error:
        state.failure, state.until = str(error), time.monotonic() + REST
        raise
    state.failure = ""
    if not vector:
        raise EncoderUnavailable(gettext_noop("the encoder refuses this query"))
    return vector


def _in_thread(call: Callable[[], list[Vector]], state: _State, *, seconds: float) -> list[Vector]:
    with state.lock:
        if state.running >= MOST_HANGING:
            raise EncoderUnavailable(gettext_noop("the encoder hangs"))
        state.running += 1
    outcome: list[list[Vector] | Exception] = []
    context = contextvars.copy_context()

    def work() -> None:
        try:
            outcome.append(context.run(call))
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            outcome.append(error)
        finally:
            with state.lock:
                state.running -= 1

    thread = threading.Thread(target=work, name="query encoder", daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise EncoderUnavailable(_SLOW % {"seconds": f"{seconds:g}"})
    [found] = outcome
    if isinstance(found, Exception):
        raise found
    return found
