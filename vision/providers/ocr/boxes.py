"""Where words stand in a picture: boxes in pixels, and how far two of them cover each other."""

from collections.abc import Iterable
from typing import NamedTuple

_SAME = 0.5
_APART = 3
"""Times the height of a line: what stands further apart are columns."""


class Box(NamedTuple):
    """The edges of a word or line; `right` and `bottom` are the first pixels outside of it."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    @property
    def area(self) -> int:
        return max(0, self.right - self.left) * max(0, self.bottom - self.top)

    def extent(self, axis: int) -> int:
        """The length along the axis: 0 is across the picture, 1 is down."""
        return self[axis + 2] - self[axis]

    def center(self, axis: int) -> float:
        return (self[axis] + self[axis + 2]) / 2

    def moved(self, axis: int, by: int) -> "Box":
        return self._replace(
            **({"left": self.left + by, "right": self.right + by} if axis == 0 else
               {"top": self.top + by, "bottom": self.bottom + by})
        )  # fmt: skip

    def mirrored(self, axis: int, total: int) -> "Box":
        """The same place counted from the other end of an axis that is `total` pixels long."""
        near, far = total - self[axis + 2], total - self[axis]
        return (
            self._replace(left=near, right=far)
            if axis == 0
            else self._replace(top=near, bottom=far)
        )


NOWHERE = Box()


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of them; there must be one."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


def is_touching(a: Box, b: Box) -> bool:
    return _shared(a, b).area > 0


def is_same_place(a: Box, b: Box) -> bool:
    """Whether one covers at least half of the smaller one: the same word, read twice."""
    shared = _shared(a, b).area
    return shared > 0 and shared >= _SAME * min(a.area, b.area)


def _shared(a: Box, b: Box) -> Box:
    return Box(
        max(a.left, b.left), max(a.top, b.top), min(a.right, b.right), min(a.bottom, b.bottom)
    )


def continues(a: Box, b: Box) -> bool:
    """Whether both may be parts of one line: at one height, and no more than a word apart."""
    low = min(a.extent(1), b.extent(1))
    shared = min(a.bottom, b.bottom) - max(a.top, b.top)
    gap = max(a.left, b.left) - min(a.right, b.right)
    return shared > 0 and shared >= _SAME * low and gap <= _APART * low
