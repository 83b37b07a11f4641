"""Fusion of ranked lists: a pure function."""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

K = 10
"""The constant of reciprocal rank fusion: of 10 and 60, 10 was better on the relevance set."""
WINDOW = 100
"""Candidates of each list. Fixed, so that the pages of a query fit together."""

Item = TypeVar("Item", bound=Hashable)


def reciprocal_ranks(lists: Iterable[Sequence[Item]], *, k: int = K) -> dict[Item, float]:
    """
    Return the sum of 1 / (k + rank) over the lists in which an item is; ranks start at 1.

    The order is that of first appearance, so whoever sorts by value has the same order each time.
    """
    scores: dict[Item, float] = {}
    for ranked in lists:
        for rank, item in enumerate(ranked[:WINDOW], start=1):
            scores[item] = scores.get(item, 0.0) + 1 / (k + rank)
    return scores
