"""Fusion of what was found by words and by meaning: pure functions."""

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

K = 10
"""The constant of reciprocal rank fusion: of 10 and 60, 10 was better on the relevance set."""
WINDOW = 100
"""Candidates of each list. Fixed, so that the pages of a query fit together."""
PULL = 0.5
FEEDBACK = 5
"""Best posts that pull the query. From 0.3 to 1 and from 3 to 10 the figures are the same within noise."""

Item = TypeVar("Item", bound=Hashable)


def reciprocal_ranks(
    lists: Iterable[Sequence[tuple[Item, float]]], *, k: int = K
) -> dict[Item, float]:
    """
    Return the sum of weight / (k + rank) over the lists of items with weights; ranks start at 1.

    A weight says how much of the query the item answers by itself, 0 to 1: the best of a list of
    posts that have one of its five words is not as good as the best of those that have all.
    """
    scores: dict[Item, float] = {}
    for ranked in lists:
        for rank, (item, weight) in enumerate(ranked[:WINDOW], start=1):
            scores[item] = scores.get(item, 0.0) + weight / (k + rank)
    return scores


def towards(vector: Sequence[float], others: Sequence[Sequence[float]]) -> list[float]:
    """
    Move a query's vector half way towards the direction of `others`, the vectors of its best posts.

    What they have in common is closer to how posts are written about it than the query is.
    """
    if not others:
        return list(vector)
    common = _unit([sum(numbers) for numbers in zip(*others, strict=True)])
    return _unit([one + PULL * other for one, other in zip(vector, common, strict=True)])


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(number * number for number in vector))
    return [number / length for number in vector] if length else list(vector)
