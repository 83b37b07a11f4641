"""
Which posts come to match which saved searches, found out where the index is written, and when posts are deleted.

A batch of posts is asked about by all saved searches of those who may see its tenants: by their
words in one statement for all, since most match nothing, and with conditions where words fit. That is before and
after their documents are written, in the transaction that writes them: a worker may be killed at
any point, and nothing is told that is not so, or twice, or not at all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, UUIDField, Value
from django.utils import timezone

from accounts import time_zones
from accounts.access import Action, may, read_grants
from accounts.models import User
from events.outbox.publishing import publish_many
from events.postgresql.advisory_locks import in_turn
from events.schemas import SearchMatchedEventV1
from media.models import Post
from search.models import SavedSearch, SearchDocument, SearchMatch
from search.saved.conditions import Demand, demands
from search.saved.spoken import having_words, spoken
from search.services.indexing.announce import NO_TRACES, Traces, traced
from search.services.indexing.index_words import TURN, index_words

MARGIN: Final = timedelta(hours=1)
"""A post that came in before a search was saved may be indexed after it, so late at most."""
_IN_A_STATEMENT: Final = 25

Pair = tuple[UUID, UUID]
"""Of a saved search and a post."""
IsNew = Callable[[SavedSearch, Post], bool]
"""Whether a match came about since the search was saved."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Saved searches by id, and the tenants of a batch of posts that the user of each may see."""

    searches: Mapping[UUID, SavedSearch]
    tenants: Mapping[UUID, tuple[UUID, ...]]
    now: datetime

    def matching(self, post_ids: Sequence[UUID]) -> set[Pair]:
        """Which of them match which of these posts, as their documents are at the moment."""
        if not post_ids or not self.searches:
            return set()
        said = spoken(row.text for row in self.searches.values())
        by_id = {pk: said[row.text] for pk, row in self.searches.items()}
        heard = having_words({pk: one.needs for pk, one in by_id.items() if one.needs}, post_ids)
        found = {
            (one.key, one.post_id)
            for one in heard
            if by_id[one.key].is_all and one.tenant_id in self.tenants[one.key]
        }
        wanted = {pk: list(post_ids) for pk, one in by_id.items() if not one.needs}
        for one in heard:
            if not by_id[one.key].is_all:
                wanted.setdefault(one.key, []).append(one.post_id)
        return found | self._asked(wanted)

    def about_deletion(self) -> "Followed":
        """Those that ask whether a post is deleted."""
        said = spoken(row.text for row in self.searches.values())
        maybe = [pk for pk, row in self.searches.items() if not said[row.text].is_all]
        scopes = {pk: one.asked.scope for pk, one in zip(maybe, self._demands(maybe), strict=True)}
        asking = {
            pk: self.searches[pk]
            for pk, scope in scopes.items()
            if scope.filters.is_deleted is not None or scope.excluded.is_deleted is not None
        }
        return replace(self, searches=asking)

    def _asked(self, wanted: Mapping[UUID, Sequence[UUID]]) -> set[Pair]:
        """Ask searches with all of their conditions about the posts that are left for each."""
        found: set[Pair] = set()
        rows = list(zip(wanted.items(), self._demands(list(wanted)), strict=True))
        for start in range(0, len(rows), _IN_A_STATEMENT):
            first, *others = [
                demand.documents()
                .filter(pk__in=ids)
                .annotate(search=Value(pk, UUIDField()))
                .values_list("search", "pk")
                for (pk, ids), demand in rows[start : start + _IN_A_STATEMENT]
            ]
            found |= set(first.union(*others, all=True))
        return found

    def _demands(self, ids: Sequence[UUID]) -> list[Demand]:
        searches = [self.searches[pk] for pk in ids]
        asked = [(row.text, self.tenants[row.pk], _zone(row.user)) for row in searches]
        return demands(asked, now=self.now)


def index_and_match(post_ids: Sequence[UUID], *, now: datetime, traces: Traces = NO_TRACES) -> int:
    """
    Bring the documents of these posts up to date and tell of matches; returns how many changed.

    `traces` are the trace ids of posts where they are not the current one.
    """
    with transaction.atomic():
        in_turn(TURN)  # before anything is read: what was matched is compared with what will be
        followed = _followed(post_ids, now=now)
        if not followed.searches:
            return index_words(post_ids, now=now, traces=traces)
        known = set(SearchDocument.objects.filter(pk__in=post_ids).values_list("pk", flat=True))
        before = followed.matching(sorted(known))
        changed = index_words(post_ids, now=now, traces=traces)
        after = followed.matching(post_ids)

        def is_new(kept: SavedSearch, post: Post) -> bool:
            pair, was_there = (kept.pk, post.pk), post.pk in known
            return _is_new(kept, post, had_document=was_there, matched_before=pair in before)

        _tell(followed, after, is_new=is_new, now=now, traces=traces)
        return changed


def match_deletions(
    moments: Mapping[UUID, datetime], *, now: datetime, traces: Traces = NO_TRACES
) -> int:
    """
    Tell of matches of posts that were deleted, or seen again, at these moments; returns how many.

    Only searches that ask for it are asked: nothing else of the posts has changed.
    """
    with transaction.atomic():
        in_turn(TURN)
        followed = _followed(list(moments), now=now).about_deletion()

        def is_new(kept: SavedSearch, post: Post) -> bool:
            return max(moments[post.pk], post.created_at) >= kept.since

        after = followed.matching(list(moments))
        return _tell(followed, after, is_new=is_new, now=now, traces=traces)


def _followed(post_ids: Sequence[UUID], *, now: datetime) -> Followed:
    """The saved searches of whoever may see a tenant of these posts; paused ones sleep."""
    tenants = set(Post.objects.filter(pk__in=post_ids).values_list("tenant", flat=True))
    owners = Q(user__is_superuser=True) | Q(user__memberships__tenant__in=tenants)
    rows = SavedSearch.objects.filter(owners, is_paused=False, user__is_active=True)
    searches = {row.pk: row for row in rows.select_related("user").distinct()} if tenants else {}
    users = {row.user_id: row.user for row in searches.values()}
    read_grants(users.values())
    seen = {
        pk: tuple(one for one in tenants if may(user, Action.VIEW, one))
        for pk, user in users.items()
    }
    return Followed(searches, {pk: seen[row.user_id] for pk, row in searches.items()}, now)


def _zone(user: User) -> tzinfo:
    return time_zones.find(user.time_zone) or timezone.get_default_timezone()


def _tell(
    followed: Followed,
    after: set[Pair],
    *,
    is_new: IsNew,
    now: datetime,
    traces: Traces,
) -> int:
    """Keep and publish the matches that are new and were not told before; returns how many."""
    after = _of_unchanged(followed, after)
    ids = {post_id for _, post_id in after}
    posts = Post.objects.only("tenant_id", "channel_id", "posted_at", "created_at").in_bulk(ids)
    told = SearchMatch.objects.filter(saved_search__in={pk for pk, _ in after}, post__in=ids)
    fresh = [
        (followed.searches[search], posts[post])
        for search, post in sorted(after - set(told.values_list("saved_search", "post")))
        if is_new(followed.searches[search], posts[post])
    ]
    SearchMatch.objects.bulk_create(
        SearchMatch(saved_search=kept, post=post, tenant_id=post.tenant_id, matched_at=now)
        for kept, post in fresh
    )
    publish_many([traced(e, traces.get(UUID(e.post_id))) for e in _events(fresh, now=now)])
    return len(fresh)


def _of_unchanged(followed: Followed, after: set[Pair]) -> set[Pair]:
    """
    Leave out matches of searches that were deleted, paused or changed while they were compared.

    The others stay as they are until the matches are committed.
    """
    asked = {pk: followed.searches[pk] for pk, _ in after}
    rows = SavedSearch.objects.filter(pk__in=asked, is_paused=False).order_by("pk")
    locked = rows.select_for_update(no_key=True).values_list("pk", "text") if asked else []
    same = {pk for pk, text in locked if text == asked[pk].text}
    return {pair for pair in after if pair[0] in same}


def _is_new(kept: SavedSearch, post: Post, *, had_document: bool, matched_before: bool) -> bool:
    """
    Whether the match came about since the search was saved.

    A post of before, whose document is made only now because the index was lost, says nothing new;
    one of since then does, also where `rebuild_index` was faster than its event.
    """
    if post.created_at >= kept.since:
        return True
    if had_document:
        return not matched_before
    return post.created_at >= kept.since - MARGIN


def _events(
    fresh: Sequence[tuple[SavedSearch, Post]], *, now: datetime
) -> Iterator[SearchMatchedEventV1]:
    for kept, post in fresh:
        yield SearchMatchedEventV1(
            idempotency_key=f"{kept.pk}:{post.pk}",
            tenant_id=str(post.tenant_id),
            user_id=str(kept.user_id),
            saved_search_id=str(kept.pk),
            post_id=str(post.pk),
            channel_id=str(post.channel_id),
            posted_at=post.posted_at,
            matched_at=now,
        )
