"""Prices of tokens: flat rates for question and answer together, in roubles per 1000 tokens."""

from datetime import date
from typing import Final

ROUBLES_PER_1000: Final[dict[str, float]] = {
    "GigaChat-3-Ultra": 0.65,
    "GigaChat-3-Pro": 0.5,
    "GigaChat-3-Lightning": 0.065,
    "GigaChat-2-Max": 0.65,
    "GigaChat-2-Pro": 0.5,
    "GigaChat-2": 0.065,
    "GigaChat-Max": 0.65,
    "GigaChat-Pro": 0.5,
    "GigaChat-Plus": 0.065,
    "GigaChat": 0.065,
}
"""
From two public code bases; check them against GigaChat's own price list. Models of the first
generation are served by those of the second, at their price.
"""
AS_OF: Final = date(2026, 2, 1)
"""The day from which these prices hold."""


def roubles_per_1000(model: str, *, configured: float | None) -> float:
    """The configured price, else that of the longest known name `model` begins with, else 0."""
    if configured is not None:
        return configured
    known = [name for name in ROUBLES_PER_1000 if model.startswith(name)]
    return ROUBLES_PER_1000[max(known, key=len)] if known else 0.0


def microunits(tokens: int, *, per_1000: float) -> int:
    """Millionths of a rouble."""
    return round(tokens * per_1000 * 1000)
