"""The saved searches of a user with what they have matched, as far as the user may see it today."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from django.db.models import Count, Q, QuerySet
from django_stubs_ext import WithAnnotations

from accounts.access import User, visible
from search.models import SavedSearch, SearchMatch


class Counts(TypedDict):
    """Numbers of matches."""

    total: int
    unseen: int


if TYPE_CHECKING:
    Counted = WithAnnotations[SavedSearch, Counts]
else:  # only the plugin of mypy can make the class
    Counted = SavedSearch


def saved_searches(user: User) -> QuerySet[Counted]:
    """
    The user's own, the newest first, each with its numbers of `total` and `unseen` matches.

    Matches of tenants that the user may not see any more are not counted.
    """
    mine = visible(SearchMatch.objects.filter(saved_search__user=user.pk), user)
    is_visible = Q(matches__in=mine.values("pk"))
    return (
        SavedSearch.objects.filter(user=user.pk)
        .select_related("user")
        .annotate(
            total=Count("matches", filter=is_visible),
            unseen=Count("matches", filter=is_visible & Q(matches__seen_at__isnull=True)),
        )
        .order_by("-created_at", "pk")
    )


def unseen_count(user: User) -> int:
    """The matches of all saved searches that the user has not seen."""
    unseen = SearchMatch.objects.filter(saved_search__user=user.pk, seen_at__isnull=True)
    return visible(unseen, user).count()


def matches_of(kept: SavedSearch, user: User, *, unseen: bool = False) -> QuerySet[SearchMatch]:
    """The matches of a saved search that `user` may see, the latest first."""
    rows = visible(SearchMatch.objects.filter(saved_search=kept), user)
    if unseen:
        rows = rows.filter(seen_at__isnull=True)
    return rows.select_related("post__channel").order_by("-pk")


def mark_seen(
    kept: SavedSearch,
    user: User,
    *,
    now: datetime,
    ids: Iterable[int] | None = None,
    up_to: int | None = None,
) -> int:
    """
    Mark matches as seen: those with these ids, or up to this id, else all; returns how many were not.

    Whoever was shown a list names what was in it: more may have come since.
    """
    rows = visible(SearchMatch.objects.filter(saved_search=kept, seen_at__isnull=True), user)
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    if up_to is not None:
        rows = rows.filter(pk__lte=up_to)
    return rows.update(seen_at=now)
