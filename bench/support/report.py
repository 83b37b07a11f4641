"""What a bench found: figures with their bounds, printed, and handed to the summary of `make bench`."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "BENCH_FIGURES"
"""Names the file to which the figures are added, a JSON object a line."""


@dataclass(frozen=True, slots=True)
class Figure:
    """
    A measured value and its bound: one of `at_most` and `at_least`, or none for information.

    `skipped` says why nothing was measured; `value` means nothing then.
    """

    name: str
    value: float = 0.0
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""
    skipped: str = ""

    @property
    def holds(self) -> bool:
        if self.skipped:
            return True
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    @property
    def bound(self) -> str:
        if self.at_most is not None:
            return f"{'=' if self.at_least == self.at_most else '≤'} {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def verdict(self) -> str:
        if self.skipped:
            return "SKIPPED"
        if not self.bound:
            return ""
        return "holds" if self.holds else "FAILS"

    def __str__(self) -> str:
        if self.skipped:
            return f"{self.name:<58} SKIPPED: {self.skipped}"
        value = f"{self.value:.3g}" if self.value < 100 else f"{self.value:.0f}"
        return f"{self.name:<58} {value:>8} {self.unit:<6} {self.bound:>8}  {self.verdict}".rstrip()


def close(figures: Sequence[Figure]) -> int:
    """Print the figures and hand them on; the exit code of the bench."""
    for figure in figures:
        print(f"   {figure}", flush=True)
    if path := os.environ.get(VARIABLE):
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(asdict(figure))}\n" for figure in figures)
    return 0 if all(figure.holds for figure in figures) else 1


def read(path: Path) -> list[Figure]:
    return [Figure(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
