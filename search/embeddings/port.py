"""The port of encoders: texts to vectors of unit length."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

Vector = list[float]


class EncoderUnavailable(Exception):
    """
    The encoder cannot work now; the message says why and is shown to people.

    `after` is when it is worth asking again, where somebody has said so.
    """

    def __init__(self, detail: str, *, after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.after = after


class NothingLeft(EncoderUnavailable):
    """Whoever pays has not enough left for this request; for a smaller one it may be."""


class TextsRefused(EncoderUnavailable):
    """The encoder takes this request for wrong: for its texts, or for how it is configured."""


class Encoder(Protocol):
    """
    Turns texts into vectors whose inner product says how near their meanings are.

    Queries and passages have methods of their own, since models treat them differently. Vectors
    have `dimension` numbers and length 1; where `dimension` is 0 it is known only when a vector is.
    The vector of a passage that the encoder refuses for good is empty. `name` is stored with each
    vector: it names model and preparation, and vectors of different names are never compared. At
    most `max_chars` characters of a text are read. `batch` texts at a time are worth a call.
    `is_remote`: a text takes a request to another program. Raises EncoderUnavailable; anything
    else is a defect.
    """

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_chars(self) -> int: ...

    @property
    def batch(self) -> int: ...

    @property
    def is_remote(self) -> bool: ...

    def encode_queries(self, texts: Sequence[str]) -> list[Vector]: ...

    def encode_passages(self, texts: Sequence[str]) -> list[Vector]: ...
