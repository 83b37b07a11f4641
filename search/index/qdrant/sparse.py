"""
Words as sparse vectors: what a lexeme weighs in a post, of which BM25 is made with the server's IDF.

A lexeme's dimension is a hash of it. Pure functions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

WEIGHTS: Final = {"A": 1.0, "B": 0.8, "C": 0.6, "D": 0.4}
"""Of text, caption of the album, words of pictures, other words: as PostgreSQL ranks them."""
_K1: Final = 1.2
_B: Final = 0.5
_USUAL_LENGTH: Final = 40
"""Occurrences of lexemes in a usual post: a constant, so that no post's weights depend on others."""


@dataclass(frozen=True, slots=True)
class SparseWords:
    """Dimensions, rising, and the weight of each."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


def dimension(lexeme: str) -> int:
    """The dimension of a lexeme: 32 bits of a hash."""
    return int.from_bytes(sha256(lexeme.encode("utf-8", "surrogatepass")).digest()[:4])


def weighed(occurrences: dict[str, float]) -> SparseWords:
    """BM25 without IDF: each further occurrence counts for less, and for less in a long post."""
    length = sum(occurrences.values()) / _USUAL_LENGTH
    values: dict[int, float] = {}
    for lexeme, count in occurrences.items():
        value = count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length))
        place = dimension(lexeme)
        values[place] = max(values.get(place, 0.0), round(value, 5))
    places = sorted(values)
    return SparseWords(tuple(places), tuple(values[place] for place in places))


def asked(lexemes: Iterable[str]) -> SparseWords:
    """The words of a query: each counts by its IDF alone."""
    places = sorted(set(map(dimension, lexemes)))
    return SparseWords(tuple(places), (1.0,) * len(places))
