"""The rule that says when to try again; pure Python."""

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    Exponential back-off with jitter over the upper half of each step.

    Figures of CONTRACT §2.5, "general retry policy": 5 tries, 1 s, doubling, at most 60 s.
    """

    max_attempts: int = 5
    first: timedelta = timedelta(seconds=1)
    factor: float = 2.0
    longest: timedelta = timedelta(seconds=60)

    def exhausted(self, attempts: int) -> bool:
        return attempts >= self.max_attempts

    def delay(self, attempts: int, *, chance: random.Random) -> timedelta:
        """Return the wait after the `attempts`-th failure (1-based): half of the step up to all of it."""
        exponent = min(attempts - 1, 30)  # a larger power would overflow timedelta
        step = min(self.first * self.factor**exponent, self.longest)
        return step * chance.uniform(0.5, 1.0)
