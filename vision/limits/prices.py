"""What tokens cost. Flat rates for question and answer together, in roubles per 1000 tokens."""

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
    "GigaChat": 0.065,
}
"""
Since February 2026, from two public code bases; the official pages are to be checked by whoever
pays. Names of the first generation are served by the second one at its price.
"""


def roubles_per_1000(model: str, *, configured: float | None) -> float:
    """The configured price, else that of the longest known name `model` begins with, else 0."""
    if configured is not None:
        return configured
    known = [name for name in ROUBLES_PER_1000 if model.startswith(name)]
    return ROUBLES_PER_1000[max(known, key=len)] if known else 0.0


def microunits(tokens: int, *, per_1000: float) -> int:
    """Millionths of a rouble."""
    return round(tokens * per_1000 * 1000)
