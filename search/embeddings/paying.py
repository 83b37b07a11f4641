"""Who pays for what an encoder costs: known to whoever asks it, not to the encoder."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

from events.sentences import gettext_noop
from search.embeddings.port import EncoderUnavailable


class Bill(Protocol):
    """`tokens` is set to what a request cost; it stays None where nobody knows."""

    tokens: int | None


class Payer(Protocol):
    """
    Somebody with a budget.

    Inside of `paid` one request about the texts may be made. Raises EncoderUnavailable where
    nothing is left, before anything is asked.
    """

    def paid(self, texts: Sequence[str]) -> AbstractContextManager[Bill]: ...


_payer: ContextVar[Payer | None] = ContextVar("payer", default=None)


@contextmanager
def by(payer: Payer) -> Iterator[None]:
    """Inside, encoders that cost something are paid by `payer`."""
    token = _payer.set(payer)
    try:
        yield
    finally:
        _payer.reset(token)


def current() -> Payer:
    """The payer of this context. Raises EncoderUnavailable where there is none: nothing is free."""
    payer = _payer.get()
    if payer is None:
        raise EncoderUnavailable(gettext_noop("nobody pays for this encoder here"))
    return payer
