"""What services answer, checked: as many vectors as texts, in their order, of unit length."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from search.embeddings.port import EncoderUnavailable, Vector

MOST_NUMBERS: Final = 16_000
"""Of a vector; the type of the table takes no more."""


def vectors_of(data: Any, *, texts: int, dimension: int = 0) -> list[Vector]:
    """
    Read the list `data` of an answer about so many texts.

    Each of its items has an `embedding` and, in any order, the `index` of its text. Raises
    EncoderUnavailable for whatever is not that, or not of `dimension` numbers where that is given:
    vectors of two models under one name would be compared, and mean nothing to each other.
    """
    if not isinstance(data, Sequence) or isinstance(data, str) or len(data) != texts:
        raise _odd(f"not a vector for each of {texts} texts")
    found: dict[int, Vector] = {}
    for place, item in enumerate(data):
        index, vector = _item(item, place)
        found[index] = vector
    if sorted(found) != list(range(texts)):
        raise _odd("its indexes are not those of the texts")
    sizes = {len(vector) for vector in found.values()} | ({dimension} if dimension else set())
    if len(sizes) > 1:
        raise _odd(f"vectors of {' and '.join(map(str, sorted(sizes)))} numbers under one name")
    return [found[index] for index in range(texts)]


def unit(numbers: Any) -> Vector:
    """The vector of length 1 in the same direction. Raises EncoderUnavailable if there is none."""
    if not isinstance(numbers, Sequence) or isinstance(numbers, str):
        raise _odd("an embedding is not a list of numbers")
    if not 0 < len(numbers) <= MOST_NUMBERS:
        raise _odd(f"a vector of {len(numbers)} numbers")
    if not all(type(number) in {int, float} for number in numbers):
        raise _odd("an embedding is not a list of numbers")
    try:
        length = math.hypot(*numbers)
        vector = [number / length for number in numbers]
    except (OverflowError, ZeroDivisionError) as error:
        raise _odd("a vector without a direction") from error
    if not math.isfinite(length):
        raise _odd("a vector without a direction")
    return vector


def _item(item: Any, place: int) -> tuple[int, Vector]:
    if not isinstance(item, Mapping):
        raise _odd("an item is not an object")
    index = item.get("index", place)
    if type(index) is not int:
        raise _odd("an index is not a number")
    return index, unit(item.get("embedding"))


def _odd(what: str) -> EncoderUnavailable:
    return EncoderUnavailable(f"the encoder answered something unexpected: {what}")
