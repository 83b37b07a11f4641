"""The seed's check of filters: an album's id is in the payload, and each kind of a filter finds what it should."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from search import sources
from search.index.collection import collection_name
from search.index.port import Index, Match
from search.index.postgresql.typed import typed_rows
from search.models import SearchDocument
from search.payload import payload_of
from search.query.filters.read import read_filters

MOST: Final = 100
"""Posts that are asked for and compared."""


class NothingToCheck(Exception):
    """There is no album with a vector; the message says so and is shown to people."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A filter, how many posts it found, and what is wrong with them; empty where nothing is."""

    filter: Mapping[str, Any]
    found: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    index: str
    album_id: int
    checks: tuple[Checked, ...] = field(default=())

    @property
    def ok(self) -> bool:
        return not any(check.problems for check in self.checks)


def check_filters(
    index: Index, name: str, tenants: Sequence[UUID], model: str, *, album_id: int | None = None
) -> Report:
    """
    Ask `index` with a filter of each kind, and compare with the archive; `name` is how it is called.

    Without `album_id` the newest album is taken. Raises NothingToCheck, VectorsUnavailable and
    IndexUnavailable.
    """
    post_id, album = _sample(tenants, album_id)
    vectors = index.vectors_of([post_id], model)
    if not vectors:
        raise NothingToCheck(f"no post of the album {album} has a vector: run rebuild_index")
    [one] = sources.read([post_id], with_data=True)
    checks = [
        _check(index, filters, vectors[0], tenants, model)
        for filters in _filters(payload_of(one), album)
    ]
    return Report(name, album, tuple(checks))


def _sample(tenants: Sequence[UUID], album_id: int | None) -> tuple[UUID, int]:
    """A post with a text of the album, or of the newest one."""
    rows = SearchDocument.objects.filter(tenant__in=tenants, album_id__isnull=False)
    rows = rows.filter(album_id=album_id) if album_id is not None else rows
    found = rows.order_by("-posted_at", "pk").values_list("pk", "album_id")
    for post_id, album in found[:MOST]:
        if album is not None and next(sources.read([post_id])).document.passage:
            return post_id, album
    wanted = "no album" if album_id is None else f"no album {album_id}"
    raise NothingToCheck(f"{wanted} with a text is indexed")


def _filters(payload: Mapping[str, Any], album: int) -> Iterator[dict[str, Any]]:
    """A filter of each type: int, str, bool, list, range, and several at once."""
    yield {"album_id": album}
    yield {"channel_id": payload["channel_id"]}
    yield {"vision.is_meme": payload["vision"]["is_meme"]}
    yield {"tags": payload["tags"] or ["tag"]}
    yield {"posted_at": {"gte": payload["posted_at"]}}
    yield {
        "content_length": {"gte": payload["content_length"], "lt": payload["content_length"] + 100}
    }
    yield {"album_id": [album], "has_media": payload["has_media"]}
    yield {"album_id": -1}


def _check(
    index: Index,
    filters: dict[str, Any],
    vector: Sequence[float],
    tenants: Sequence[UUID],
    model: str,
) -> Checked:
    found = index.search_vectors(
        collection_name(), vector, MOST, filters, tenants=tenants, model=model
    )
    return Checked(filters, len(found), tuple(_problems(found, filters, tenants)))


def _problems(
    found: Sequence[Match], filters: dict[str, Any], tenants: Sequence[UUID]
) -> Iterator[str]:
    rows = typed_rows(SearchDocument.objects.filter(tenant__in=tenants), read_filters(filters))
    ids = {match.post_id for match in found}
    right = set(rows.filter(pk__in=ids).values_list("pk", flat=True))
    yield from (f"{one} does not fulfil it" for one in sorted(ids - right))
    if len(found) < MOST:
        lacking = rows.exclude(pk__in=ids).order_by("pk").values_list("pk", flat=True)[:MOST]
        yield from (f"{one} was not found" for one in lacking if _has_text(one))
    for match in found:
        album = match.payload.get("album_id", "")
        if album is not None and type(album) is not int:
            yield f"{match.post_id}: album_id {album!r} is no integer"


def _has_text(post_id: UUID) -> bool:
    """Whether the post can have a vector at all."""
    return any(one.document.passage for one in sources.read([post_id]))
