"""
Who chooses victims and lets go of them, by content type.

Rooms register in `AppConfig.ready()`. A type nobody registered for goes by its age.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db.models import Q

from events import keyset
from storage_quota.cleanup.candidates import Step, Victim
from storage_quota.models import ContentType, Reservation, StoredObject
from storage_quota.reservations.delete import forget

PAGE = 1000
"""Rows read at once: a plan ends somewhere, so it never asks for all."""

Unlink = Callable[[Sequence[str]], None]


class Evictor(Protocol):
    """Chooses objects of one content type, and drops the rows that stand for them."""

    def victims(self, *, before: datetime) -> Iterator[Victim]:
        """Those last used at `before` or earlier, the least recently used first. Only looks."""
        ...

    def let_go(self, victims: Sequence[Victim], *, now: datetime) -> list[Reservation]:
        """
        Inside a transaction, ask again whether each may go; drop its rows and `forget` it.

        Returns what `forget` returned. What is in use again is left out.
        """
        ...


@dataclass(frozen=True, slots=True)
class ByAge:
    """By the ledger alone: what was written longest ago goes first."""

    content_type: ContentType

    def victims(self, *, before: datetime) -> Iterator[Victim]:
        rows = StoredObject.objects.filter(content_type=self.content_type, updated_at__lte=before)
        slim = rows.only("key", "tenant_id", "size_bytes", "updated_at")
        for page in keyset.pages(slim, "updated_at", "key", size=PAGE):
            yield from map(self._victim, page)

    def let_go(self, victims: Sequence[Victim], *, now: datetime) -> list[Reservation]:
        """What was written anew since it was chosen is younger than all that were chosen."""
        unchanged = Q(updated_at__lte=max(victim.used_at for victim in victims))
        return forget([victim.key for victim in victims], now=now, only=unchanged)

    def _victim(self, row: StoredObject) -> Victim:
        kind = self.content_type
        return Victim(Step(kind), row.key, row.tenant_id, kind, row.size_bytes, row.updated_at)


_evictors: dict[str, Evictor] = {}
_unlinks: dict[str, list[Unlink]] = {}


def register(content_type: ContentType, evictor: Evictor) -> None:
    """Where a room knows better than the ledger which objects of its type may go."""
    if content_type in _evictors:
        raise ValueError(f"{content_type} has an evictor already: {_evictors[content_type]}")
    _evictors[content_type] = evictor


def on_eviction(content_type: ContentType, unlink: Unlink) -> None:
    """
    `unlink(keys)` runs in the transaction that takes objects of the type out of the ledger.

    By then nobody can point to them anew (see `removal.hold`); it drops what still does.
    """
    _unlinks.setdefault(content_type, []).append(unlink)


def evictor_of(content_type: str) -> Evictor:
    return _evictors.get(content_type) or ByAge(ContentType(content_type))


def let_go(victims: Sequence[Victim], *, now: datetime) -> list[Reservation]:
    """Of one content type, in the caller's transaction."""
    content_type = victims[0].content_type
    covers = evictor_of(content_type).let_go(victims, now=now)
    if covers:
        drop_links(content_type, [cover.key for cover in covers])
    return covers


def drop_links(content_type: str, keys: Sequence[str]) -> None:
    """What was just taken out of the ledger is no longer pointed to; same transaction."""
    for unlink in _unlinks.get(content_type, ()):
        unlink(keys)
