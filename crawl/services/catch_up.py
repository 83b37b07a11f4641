"""
Follow the links of posts that came in while crawling was off, or under other rules or tags.

The preview and the run choose the same posts: those whose pages are not what the policy says now.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from accounts import audit
from accounts.models import Tenant
from crawl.canonicalize import url_hash
from crawl.models import CrawledPage
from crawl.policy import Decision, decide, host_of
from crawl.services import follow
from crawl.services.ask import CrawlingSwitchedOff
from crawl.settings import is_on, rules
from events import backfill
from events.postgresql import keyset
from media.models import Post
from vision.tagging.lookup import given_to

BATCH: Final = 200
MOST_HOSTS: Final = 20

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which posts of a tenant; an empty field does not filter, `limit` takes the newest ones."""

    tenant: Tenant
    channel_ids: Sequence[UUID] = ()
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None


@dataclass(slots=True)
class Plan:
    """
    What a run does: posts with links, posts that change and why, pages that nobody has asked for.

    `hosts` are those with the most of these pages. `days` is the least number of days that the
    tenant's budget spreads the pages over; 0 where the budget is none.
    """

    posts: int = 0
    changed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    new_pages: set[str] = field(default_factory=set)
    hosts: Counter[str] = field(default_factory=Counter)

    @property
    def days(self) -> int:
        most = settings.CRAWL.crawl_tenant_pages_per_day
        return -(-len(self.new_pages) // most) if most else 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "posts": self.posts,
            "changed": self.changed,
            "reasons": dict(self.reasons),
            "new_pages": len(self.new_pages),
            "hosts": dict(self.hosts.most_common(MOST_HOSTS)),
            "days": self.days,
        }


def posts(choice: Choice) -> QuerySet[Post]:
    """The posts of a choice that have links, without `limit`."""
    bounds: dict[str, Any] = {
        "channel__in": choice.channel_ids,
        "posted_at__gte": choice.since,
        "posted_at__lt": choice.until,
    }
    chosen = {lookup: value for lookup, value in bounds.items() if value}
    return Post.objects.filter(tenant=choice.tenant, **chosen).exclude(urls=[])


def preview(choice: Choice, *, progress: Progress = lambda _: None) -> Plan:
    """Say what `run` would do; changes nothing."""
    plan = Plan()
    for page in _pages(choice):
        _note(plan, choice.tenant, page)
        progress(len(page))
    return plan


def run(choice: Choice, *, now: datetime, progress: Progress = lambda _: None) -> Plan:
    """
    Follow the links of the posts, newest first, as backfill; returns what was done.

    May be cut off and repeated: what is followed already is left alone. Raises
    CrawlingSwitchedOff.
    """
    if not is_on():
        raise CrawlingSwitchedOff("FEATURE_CRAWL_ENABLED is off: pages are not fetched")
    told = {
        name: getattr(choice, name)
        for name in ("channel_ids", "since", "until", "limit")
        if getattr(choice, name)
    }
    plan = Plan()
    with audit.recorded("following", tenant=choice.tenant, before=told) as figures:
        for page in _pages(choice):
            changed = _note(plan, choice.tenant, page)
            with backfill.use(True):  # noqa: FBT003 - what is new is fetched first
                for post in changed:
                    follow.follow_changed(post.pk, tenant_id=post.tenant_id, now=now)
            figures.update(posts=plan.posts, changed=plan.changed, pages=len(plan.new_pages))
            progress(len(page))
    return plan


def _pages(choice: Choice) -> Iterator[list[Post]]:
    return keyset.pages(posts(choice), "-posted_at", "-id", size=BATCH, limit=choice.limit)


def _note(plan: Plan, tenant: Tenant, page: Sequence[Post]) -> list[Post]:
    """Add a page of posts to the plan; returns the posts that change."""
    ids = [post.pk for post in page]
    tags, pages, current = given_to(ids), follow.pages_of(ids), rules()
    decisions = {post: decide(follow.said(post, tags[post.pk]), current) for post in page}
    changed = [post for post in page if decisions[post].urls != pages.get(post.pk, [])]
    plan.posts += len(page)
    plan.changed += len(changed)
    plan.reasons.update(_reason(decisions[post]) for post in page)
    _note_pages(plan, tenant, [url for post in changed for url in decisions[post].urls])
    return changed


def _note_pages(plan: Plan, tenant: Tenant, urls: Sequence[str]) -> None:
    by_hash = {url_hash(url): url for url in urls}
    rows = CrawledPage.objects.filter(tenant=tenant, url_hash__in=by_hash)
    known = plan.new_pages | set(rows.values_list("url_hash", flat=True))
    new = {key: url for key, url in by_hash.items() if key not in known}
    plan.new_pages |= new.keys()
    plan.hosts.update(host_of(url) for url in new.values())


def _reason(decision: Decision) -> str:
    return str(decision.trigger or decision.skip)
