"""Two measurements in turn, so that whatever else the machine does weighs on both."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Turns:
    """Seconds of each round: of ours, and of what it is measured against."""

    ours: list[float]
    other: list[float]

    @property
    def ratio(self) -> float:
        """Ours to the other, the median of the rounds: each is compared with its neighbor only."""
        return median(a / b for a, b in zip(self.ours, self.other, strict=True))

    @property
    def seconds(self) -> tuple[float, float]:
        return median(self.ours), median(self.other)


def in_turn(ours: Callable[[], float], other: Callable[[], float], *, rounds: int) -> Turns:
    """
    Measure both `rounds` times; each returns its seconds.

    The order changes from round to round: a load that rises or falls favors neither.
    """
    seconds: dict[Callable[[], float], list[float]] = {ours: [], other: []}
    for number in range(rounds):
        for side in (ours, other) if number % 2 == 0 else (other, ours):
            seconds[side].append(side())
    return Turns(seconds[ours], seconds[other])


def timed(work: Work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
