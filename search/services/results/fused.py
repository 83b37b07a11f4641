"""One list of hits of two: by reciprocal ranks, one hit per album."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from search.fusion import reciprocal_ranks
from search.index.port import VectorHit, WordHit
from search.services.results.albums import Item, Key
from search.services.results.hits import AlbumMatch, Hit

_NO_ALBUMS: Mapping[UUID, Item] = {}
AS_NEAR = 0.01
"""Items of an album match as well by meaning as the best one, if they are hardly farther away."""
FAR = 2.0
"""No cosine distance is greater."""


def fuse(
    by_words: Sequence[WordHit],
    by_meaning: Sequence[VectorHit],
    groups: Mapping[UUID, Item] = _NO_ALBUMS,
) -> list[Hit]:
    """
    One list of two, by reciprocal ranks; posts that carry a #tag of the query come first.

    Of equal ones the newer comes first: the lists have them in that order. `groups` are the posts
    that are items of albums: of an album each list counts the best item, and the hit is the item
    that matches best.
    """
    lists = _Lists(by_words, by_meaning, groups)
    hits = {key: lists.hit(key, score) for key, score in lists.scores().items()}
    return [hits[key] for key in sorted(hits, key=lambda key: lists.order(key, hits[key]))]


class _Lists:
    """What both lists say of a post, and of those that are one hit."""

    def __init__(
        self,
        by_words: Sequence[WordHit],
        by_meaning: Sequence[VectorHit],
        groups: Mapping[UUID, Item],
    ) -> None:
        self._words = {hit.post_id: hit for hit in by_words}
        self._distances = {hit.post_id: hit.distance for hit in by_meaning}
        self._groups = groups
        self._ranked = (
            [(hit.post_id, hit.coverage) for hit in by_words],
            [(hit.post_id, 1.0) for hit in by_meaning],
        )
        self._places = _places([self._key(hit.post_id) for hit in by_words])
        self._members: dict[Key, list[UUID]] = {}
        for post_id in dict.fromkeys(one for ranked in self._ranked for one, _ in ranked):
            self._members.setdefault(self._key(post_id), []).append(post_id)

    def scores(self) -> dict[Key, float]:
        """The score of each hit: of an album, either list counts its best item."""
        return reciprocal_ranks([self._one_each(ranked) for ranked in self._ranked])

    def hit(self, key: Key, score: float) -> Hit:
        post_id = self._best(self._members[key])
        by_words, item = self._words.get(post_id), self._groups.get(post_id)
        return Hit(
            post_id=post_id,
            score=score,
            words=by_words.words if by_words else (),
            tags=by_words.tags if by_words else (),
            distance=self._distances.get(post_id),
            album=AlbumMatch(item.album_id, self._as_near(post_id, key)) if item else None,
        )

    def order(self, key: Key, hit: Hit) -> tuple[int, float, str]:
        if hit.tags:  # those are ordered by words alone: all of them are about the tag
            return -len(hit.tags), self._places[key], ""
        return 0, -hit.score, str(hit.post_id)

    def _key(self, post_id: UUID) -> Key:
        item = self._groups.get(post_id)
        return item.album_id if item else post_id

    def _one_each(self, ranked: Sequence[tuple[UUID, float]]) -> list[tuple[Key, float]]:
        """The best of each album, in order."""
        first: dict[Key, float] = {}
        for post_id, weight in ranked:
            first.setdefault(self._key(post_id), weight)
        return list(first.items())

    def _best(self, members: Sequence[UUID]) -> UUID:
        """The item that matches best; of those that match as well, the first one of the album."""
        if len(members) == 1:
            return members[0]
        farthest = min(self._distances.get(one, FAR) for one in members) + AS_NEAR
        return max(members, key=lambda one: self._match(one, near=farthest))

    def _match(self, post_id: UUID, *, near: float) -> tuple[float, ...]:
        """
        How well an item matches, compared with others of its album.

        By words before meaning: whoever typed a word looks for the item that has it.
        """
        by_words, distance = self._words.get(post_id), self._distances.get(post_id, FAR)
        tags, score = (len(by_words.tags), by_words.score) if by_words else (0, 0.0)
        return tags, score, min(0.0, near - distance), -self._groups[post_id].position

    def _as_near(self, post_id: UUID, key: Key) -> int:
        """How many items match as well by meaning, at least one."""
        distance = self._distances.get(post_id)
        if distance is None:
            return 1
        others = (self._distances.get(one) for one in self._members[key])
        return sum(one is not None and one <= distance + AS_NEAR for one in others)


def _places(keys: Sequence[Key]) -> dict[Key, int]:
    places: dict[Key, int] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, place)
    return places
