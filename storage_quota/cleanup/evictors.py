"""
Evictors: for each content type one chooses the candidates of a cleanup and removes them.

Rooms register theirs in `Room.connect()`. A type without one is evicted by age.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db.models import Q

from events import rooms
from events.postgresql import keyset
from storage_quota.cleanup.candidates import Candidate, Step
from storage_quota.models import ContentType, Reservation, StoredObject
from storage_quota.reservations.delete import forget

PAGE = 1000
"""Rows read at once: a plan mostly needs few of the candidates."""

Unlink = Callable[[Sequence[str]], None]


class Evictor(Protocol):
    """Chooses candidates of one content type, and deletes the rows that describe them."""

    def candidates(self, *, before: datetime) -> Iterator[Candidate]:
        """Objects last used at `before` or earlier, least recently used first. Changes nothing."""
        ...

    def evict(self, candidates: Sequence[Candidate], *, now: datetime) -> list[Reservation]:
        """
        Inside a transaction, check each candidate again, delete its rows and `forget` it.

        Returns the tombstones of `forget`. Candidates that are in use again are left alone.
        """
        ...


@dataclass(frozen=True, slots=True)
class ByAge:
    """Evicts by the ledger alone: objects written longest ago first."""

    content_type: ContentType

    def candidates(self, *, before: datetime) -> Iterator[Candidate]:
        rows = StoredObject.objects.filter(content_type=self.content_type, updated_at__lte=before)
        slim = rows.only("key", "tenant_id", "size_bytes", "updated_at")
        # In the order of the index `stored_object_type_written`.
        for page in keyset.pages(slim, "updated_at", "key", size=PAGE):
            yield from map(self._candidate, page)

    def evict(self, candidates: Sequence[Candidate], *, now: datetime) -> list[Reservation]:
        """Evict the candidates, except those written again since they were chosen."""
        # Whatever was written since then is younger than the youngest candidate.
        unchanged = Q(updated_at__lte=max(candidate.used_at for candidate in candidates))
        return forget([candidate.key for candidate in candidates], now=now, only=unchanged)

    def _candidate(self, row: StoredObject) -> Candidate:
        kind = self.content_type
        return Candidate(Step(kind), row.key, row.tenant_id, kind, row.size_bytes, row.updated_at)


_evictors: dict[str, Evictor] = {}
_unlinks: dict[str, list[Unlink]] = {}


def register(content_type: ContentType, evictor: Evictor) -> None:
    """Register the evictor of a content type whose rows say more about its use than the ledger."""
    if content_type in _evictors:
        raise ValueError(f"{content_type} has an evictor already: {_evictors[content_type]}")
    _evictors[content_type] = evictor


def on_eviction(content_type: ContentType, unlink: Unlink) -> None:
    """
    Register `unlink(keys)`, which deletes links to objects of the type that are evicted.

    It runs in the transaction that removes them from the ledger, when nobody can point to them
    any more (see `reservations.delete.lock_existing`).
    """
    _unlinks.setdefault(content_type, []).append(unlink)


def evictor_of(content_type: str) -> Evictor:
    rooms.connect_all()
    return _evictors.get(content_type) or ByAge(ContentType(content_type))


def evict(candidates: Sequence[Candidate], *, now: datetime) -> list[Reservation]:
    """Evict candidates of one content type, in the caller's transaction; returns tombstones."""
    content_type = candidates[0].content_type
    tombstones = evictor_of(content_type).evict(candidates, now=now)
    if tombstones:
        drop_links(content_type, [tombstone.key for tombstone in tombstones])
    return tombstones


def drop_links(content_type: str, keys: Sequence[str]) -> None:
    """Delete the links to objects that this transaction removed from the ledger."""
    rooms.connect_all()
    for unlink in _unlinks.get(content_type, ()):
        unlink(keys)
