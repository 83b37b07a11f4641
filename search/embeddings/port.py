"""The port of encoders: texts to vectors of unit length."""

from collections.abc import Sequence
from typing import Protocol

Vector = list[float]


class EncoderUnavailable(Exception):
    """The encoder cannot work now; the message says why and is shown to people."""


class Encoder(Protocol):
    """
    Turns texts into vectors whose inner product says how near their meanings are.

    Queries and passages have methods of their own, since models treat them differently. Vectors
    have `dimension` numbers and length 1. `name` is stored with each vector: it names model and
    preparation, and vectors of different names are never compared. At most `max_chars` characters
    of a text are read. Raises EncoderUnavailable; anything else is a defect.
    """

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_chars(self) -> int: ...

    def encode_queries(self, texts: Sequence[str]) -> list[Vector]: ...

    def encode_passages(self, texts: Sequence[str]) -> list[Vector]: ...
