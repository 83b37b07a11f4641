"""
The registry of projections: what is made of PostgreSQL's rows and can be made again.

A room registers each with the function that compares it with the rows. It knows no room.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID

from events import rooms

MOST_EXAMPLES: Final = 10
BATCH: Final = 500
"""Rows that are compared at a time."""
Ids = Sequence[Any]
"""Primary keys of rows of one table, in their order."""


class CannotCompare(Exception):
    """The projection cannot be looked at now; the message says why, with a remedy."""


@dataclass(slots=True)
class Comparison:
    """
    What the comparison of one tenant's rows with a projection has found.

    `expected` and `stored` count all of them; the others those that were looked at. `examples` are
    ids of some that are wrong. With `repair`, `repaired` counts those that were right afterwards.
    """

    projection: str
    tenant_id: UUID
    expected: int = 0
    stored: int = 0
    compared: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    repaired: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def unresolved(self) -> int:
        """Differences that remain."""
        return self.missing + self.different + self.extra - self.repaired

    def note(self, kind: str, ids: Sequence[UUID | str]) -> None:
        """Count ids, or words, as `missing`, `different` or `extra`."""
        setattr(self, kind, getattr(self, kind) + len(ids))
        room = MOST_EXAMPLES - len(self.examples)
        self.examples += [f"{kind} {one}" for one in ids[:room]]

    def compare_rows(
        self,
        ids: Ids,
        differing: Callable[[Ids], tuple[Ids, Ids]],
        fix: Callable[[Ids], object] | None,
    ) -> None:
        """
        Compare rows by `differing`, which tells the missing and the different ones of them.

        With `fix`, which projects rows anew, they are mended and compared once more.
        """
        self.compared += len(ids)
        missing, different = differing(ids)
        self.note("missing", missing)
        self.note("different", different)
        if fix and (wrong := [*missing, *different]):
            fix(wrong)
            self.repaired += len(wrong) - sum(map(len, differing(wrong)))

    def note_extra(self, extra: Ids, fix: Callable[[Ids], object] | None) -> None:
        """Count what is projected of rows that are gone; `fix` removes it."""
        self.note("extra", extra)
        if fix and extra:
            fix(extra)
            self.repaired += len(extra)


def batches(
    page: Callable[..., list[Any]], most: int | None, *, start: Any = None
) -> Iterator[list[Any]]:
    """
    Yield all ids in their order; with `most`, so many from `start` on.

    `page` returns ids behind `after` (None: from the first), at most `limit`.
    """
    after, left = (start if most else None), most
    while ids := page(after=after, limit=min(BATCH, left or BATCH)):
        yield ids
        after = ids[-1]
        if left is not None:
            left -= len(ids)
            if left <= 0:
                return


class Compare(Protocol):
    """
    Compares one tenant's rows with the projection. Raises CannotCompare.

    `most` limits it to about so many rows, others each time; None is all. `progress` is told how
    many rows were looked at since the last time.
    """

    def __call__(
        self,
        tenant_id: UUID,
        *,
        repair: bool = False,
        most: int | None = None,
        progress: Callable[[int], object] = ...,
    ) -> Comparison: ...


@dataclass(frozen=True, slots=True)
class Projection:
    name: str
    compare: Compare
    exists: Callable[[], bool]


_projections: dict[str, Projection] = {}


def register(name: str, compare: Compare, *, exists: Callable[[], bool] = lambda: True) -> None:
    """Register a projection; `exists` says whether this installation has it."""
    _projections[name] = Projection(name, compare, exists)


def registered() -> list[Projection]:
    """Return those that this installation has."""
    rooms.connect_all()
    return [one for one in _projections.values() if one.exists()]
