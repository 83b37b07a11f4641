"""Keep, change and forget saved searches; what could not work is refused at once, with the reason."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, time_zones
from accounts import models as account_models
from accounts.access import User, tenants_of
from events.errors import DomainError
from search.models import SavedSearch, SearchDocument
from search.models.saved_search import NAME_MAX_LENGTH
from search.query.problems import Problem, explain
from search.saved.conditions import Demand, demands

MOST_SAVED: Final = 50
"""Of one user: each is asked of every new post."""
LOOKED_AT: Final = 1000
"""Newest posts on which a query is tried before it is kept."""
FEWEST: Final = 100
"""Of fewer posts nobody can tell whether a query is too wide."""
WIDE: Final = 0.5


class SavedSearchRefused(DomainError):
    """The query cannot be kept; the message is for people, `reason` for programs."""

    code: ClassVar[str] = "saved_search_refused"
    http_status: ClassVar[int] = 422

    def __init__(self, reason: str, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.problems = problems

    def context(self) -> dict[str, Any]:
        return {
            "reason": self.reason,
            "problems": [{"code": p.code.value, "text": p.text} for p in self.problems],
        }


class SavedSearchGone(SavedSearchRefused):
    """It was deleted while it was to be changed."""

    code: ClassVar[str] = "not_found"
    http_status: ClassVar[int] = 404


def save(user: User, text: str, *, name: str = "", now: datetime) -> SavedSearch:
    """Keep a query of `user`; raises SavedSearchRefused. Without a name it is called as it reads."""
    text, name = _stored(text), _stored(name)
    _check(user, text, now=now)
    with transaction.atomic():
        owner = _check_number(user, text)
        kept = SavedSearch.objects.create(
            user=owner, name=_name(name, text), text=text, since=now, created_at=now
        )
        audit.record("saved_search.saved", target=kept)
    return kept


def change(
    kept: SavedSearch,
    *,
    name: str | None = None,
    text: str | None = None,
    is_paused: bool | None = None,
    by: User | None = None,
    now: datetime,
) -> SavedSearch:
    """
    Change what is given, and nothing else; returns the row. Raises SavedSearchRefused.

    A query that is changed or resumed begins anew: posts that came before are not told later.
    `by` is the owner as he asks, whom a token may limit: a refusal tells what the query would find.
    """
    text = None if text is None else _stored(text)
    if text is not None and text != kept.text:
        _check(by or kept.user, text, now=now)
    with transaction.atomic():
        if text is not None:
            _check_number(kept.user, text, without=kept)
        row = _locked(kept)
        if text not in {None, row.text} or (row.is_paused and is_paused is False):
            row.since = now
        row.is_paused = row.is_paused if is_paused is None else is_paused
        row.text = row.text if text is None else text
        row.name = _name(row.name if name is None else _stored(name), row.text)
        row.save(update_fields=["name", "text", "is_paused", "since"])
        audit.record("saved_search.changed", target=row, after={"paused": row.is_paused})
    return row


def forget(kept: SavedSearch) -> None:
    """Delete it with all it has matched; nothing happens where it is gone already."""
    with transaction.atomic():
        # First the lock: whoever is about to tell of a match waits, and finds it gone.
        row = _rows_to_lock(kept).first()
        if row is not None:
            audit.record("saved_search.deleted", target=row)
            row.delete()


def _locked(kept: SavedSearch) -> SavedSearch:
    row = _rows_to_lock(kept).first()
    if row is None:
        raise SavedSearchGone("gone", _("This saved search was deleted meanwhile."))
    return row


def _rows_to_lock(kept: SavedSearch) -> QuerySet[SavedSearch]:
    return SavedSearch.objects.select_for_update().filter(pk=kept.pk)


def demand_of(user: User, text: str, *, now: datetime) -> Demand:
    """Read a query as `user` asks it."""
    tenants = tuple(tenants_of(user).values_list("pk", flat=True))
    return _read(user, text, tenants, now=now)


def _read(user: User, text: str, tenants: Sequence[UUID], *, now: datetime) -> Demand:
    zone = time_zones.find(getattr(user, "time_zone", "")) or timezone.get_default_timezone()
    [demand] = demands([(text, tenants, zone)], now=now)
    return demand


def _check(user: User, text: str, *, now: datetime) -> None:
    demand = demand_of(user, text, now=now)
    if problems := demand.asked.problems:
        explained = [explain(one, translate=_) for one in problems]
        said = " ".join(f"{one.message} {one.remedy}" for one in explained)
        raise SavedSearchRefused("problems", said, problems)
    if demand.is_empty:
        text = _("Nothing is asked for that a post could have: write a word or a condition.")
        raise SavedSearchRefused("nothing_asked", text)
    _check_width(demand)


def _check_width(demand: Demand) -> None:
    """Refuse what matches most of the newest posts: who is told of everything is told nothing."""
    scope = demand.asked.scope
    rows = SearchDocument.objects.filter(tenant__in=scope.tenants).order_by("-posted_at", "post")
    newest = list(rows.values_list("pk", flat=True)[:LOOKED_AT])
    found = demand.documents().filter(pk__in=newest).count() if newest else 0
    if len(newest) >= FEWEST and found > WIDE * len(newest):
        text = _("Too wide: %(found)d of the newest %(of)d posts match. Add a word or a condition.")
        raise SavedSearchRefused("too_wide", text % {"found": found, "of": len(newest)})


def _check_number(
    user: User, text: str, *, without: SavedSearch | None = None
) -> account_models.User:
    """Lock the user's row, so that two requests at once do not both pass, and return it."""
    pk: Any = user.pk
    owner = account_models.User.objects.select_for_update().get(pk=pk)
    others = SavedSearch.objects.filter(user=owner)
    if without:
        others = others.exclude(pk=without.pk)
    if others.filter(text=text).exists():
        raise SavedSearchRefused("already_saved", _("You have saved this search already."))
    if others.count() >= MOST_SAVED:
        text = _("You have %(count)d saved searches, the most there can be. Delete one first.")
        raise SavedSearchRefused("too_many", text % {"count": MOST_SAVED})
    return owner


def _stored(text: str) -> str:
    """The text without what no database takes: NUL, and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ").strip()


def _name(name: str, text: str) -> str:
    return (name or text)[:NAME_MAX_LENGTH]
