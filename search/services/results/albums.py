"""Albums among the hits: one hit for all items of an album, with the number of those that match."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Count

from albums.models import MediaGroupItem
from search.index.port import Scope
from search.index.postgresql.conditions import having_any, matching
from search.query_terms import Query
from search.services.results.hits import AlbumMatch, Hit

Key = UUID | int
"""Of what is one hit: the id of a post, or of an album."""
NAMED_SCORE = 1.0
"""More than any rank gives: a post that is named by its link is the answer."""


@dataclass(frozen=True, slots=True)
class Item:
    """A post as an item of an album; `position` is its place in it, from 0."""

    album_id: int
    position: int


def of(post_ids: Sequence[UUID], scope: Scope) -> dict[UUID, Item]:
    """
    The items of albums among the posts.

    None where certain albums are asked for: whoever does so wants to see their items.
    """
    if scope.filters.albums or not post_ids:
        return {}
    # A post that has left its album may be found before the album is collected again.
    rows = MediaGroupItem.objects.filter(post__in=post_ids, post__grouped_id__isnull=False)
    columns = rows.values_list("post_id", "group_id", "position")
    return {post_id: Item(album_id, position) for post_id, album_id, position in columns}


def count_of_hits(post_ids: Sequence[UUID], scope: Scope) -> int:
    """How many hits the posts are, one for each album."""
    groups = of(post_ids, scope)
    return len({groups[pk].album_id if pk in groups else pk for pk in post_ids})


def put_first(
    named: Sequence[UUID], ranked: Sequence[Hit], groups: Mapping[UUID, Item]
) -> list[Hit]:
    """Put the posts that were named before the other hits; one that is of an album is its hit."""
    known = {hit.post_id: hit for hit in ranked}
    first = (replace(known.get(pk) or Hit(pk, 0.0), score=NAMED_SCORE, named=True) for pk in named)
    return put_before([_with_album(hit, groups) for hit in first], ranked)


def one_each(hits: Sequence[Hit], groups: Mapping[UUID, Item]) -> list[Hit]:
    """The first hit of each album, with the number of hits that it stands for."""
    first: dict[Key, Hit] = {}
    for hit in (_with_album(hit, groups) for hit in hits):
        known = first.setdefault(key_of(hit), hit)
        if known is not hit and known.album:
            album = replace(known.album, matching=known.album.matching + 1)
            first[key_of(hit)] = replace(known, album=album)
    return list(first.values())


def put_before(first: Sequence[Hit], others: Sequence[Hit]) -> list[Hit]:
    """Both in order, without those of the others that `first` has, be it by another item."""
    taken = {key_of(hit) for hit in first}
    return [*first, *(hit for hit in others if key_of(hit) not in taken)]


def key_of(hit: Hit) -> Key:
    return hit.album.album_id if hit.album else hit.post_id


def with_matching(
    hits: Sequence[Hit], query: Query, scope: Scope, lexemes: Sequence[str]
) -> tuple[Hit, ...]:
    """Give the hits that stand for albums the number of items that match by words and conditions."""
    album_ids = [hit.album.album_id for hit in hits if hit.album]
    counts = _counts(album_ids, query, scope, lexemes) if album_ids else {}
    return tuple(_counted(hit, counts, query) for hit in hits)


def _with_album(hit: Hit, groups: Mapping[UUID, Item]) -> Hit:
    item = groups.get(hit.post_id)
    return replace(hit, album=AlbumMatch(item.album_id)) if item and not hit.album else hit


def _counts(
    album_ids: Sequence[int], query: Query, scope: Scope, lexemes: Sequence[str]
) -> dict[int, int]:
    rows = matching(scope, query).filter(album_id__in=album_ids)
    if query.has_words:
        rows = having_any(rows, lexemes, query.tags)
    return dict(rows.values_list("album_id").annotate(Count("pk")))


def _counted(hit: Hit, counts: Mapping[int, int], query: Query) -> Hit:
    """What only meaning found is not counted by words."""
    if not hit.album or (query.has_words and not hit.words and not hit.tags):
        return hit
    matching_items = max(1, counts.get(hit.album.album_id, 1))
    return replace(hit, album=replace(hit.album, matching=matching_items))
