"""Albums among the hits: one hit for all items of an album, with the number of those that match."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Count

from albums.models import MediaGroupItem
from search.index.port import Scope
from search.index.postgresql.conditions import having_any, matching
from search.query_terms import Query
from search.services.hits import AlbumMatch, Hit

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


def put_first(
    named: Sequence[UUID], ranked: Sequence[Hit], groups: Mapping[UUID, Item]
) -> list[Hit]:
    """Put the named posts before the other hits; one that is of an album is its hit."""
    known = {hit.post_id: hit for hit in ranked}
    first = [_named(known.get(pk) or Hit(pk, 0.0), groups) for pk in named]
    taken = {hit.album.album_id if hit.album else hit.post_id for hit in first}
    rest = [
        hit for hit in ranked if (hit.album.album_id if hit.album else hit.post_id) not in taken
    ]
    return [*first, *rest]


def with_matching(
    hits: Sequence[Hit], query: Query, scope: Scope, lexemes: Sequence[str]
) -> tuple[Hit, ...]:
    """Give the hits that stand for albums the number of items that match by words and conditions."""
    album_ids = [hit.album.album_id for hit in hits if hit.album]
    counts = _counts(album_ids, query, scope, lexemes) if album_ids else {}
    return tuple(_counted(hit, counts, query) for hit in hits)


def _named(hit: Hit, groups: Mapping[UUID, Item]) -> Hit:
    item = groups.get(hit.post_id)
    album = hit.album or (AlbumMatch(item.album_id) if item else None)
    return replace(hit, score=NAMED_SCORE, named=True, album=album)


def _counts(
    album_ids: Sequence[int], query: Query, scope: Scope, lexemes: Sequence[str]
) -> dict[int, int]:
    rows = matching(scope, query).filter(album_id__in=album_ids)
    if query.looks_for_words:
        rows = having_any(rows, lexemes, query.tags)
    return dict(rows.values_list("album_id").annotate(Count("pk")))


def _counted(hit: Hit, counts: Mapping[int, int], query: Query) -> Hit:
    """What only meaning found is not counted by words."""
    if not hit.album or (query.looks_for_words and not hit.words and not hit.tags):
        return hit
    matching_items = max(1, counts.get(hit.album.album_id, 1))
    return replace(hit, album=replace(hit.album, matching=matching_items))
