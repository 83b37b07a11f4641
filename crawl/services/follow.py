"""Follow the links of a post: decide, note the pages, ask for their visits."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from uuid import UUID

from django.db import transaction

from crawl import claims, metrics
from crawl.canonicalize import url_hash
from crawl.models import CrawledPage, PageMention, PageState
from crawl.policy import POLICY_VERSION, Decision, Said, decide, host_of
from crawl.services.told import tell
from crawl.settings import rules
from events import outbox
from events.metrics import count_when_committed
from events.schemas import PostCrawlEventV1
from media.models import Post

_ENDED = (PageState.READ, PageState.GONE, PageState.REFUSED, PageState.FAILED)


def follow_post(
    post_id: UUID, *, tenant_id: UUID, tags: Sequence[str] | None = None, now: datetime
) -> str:
    """
    Bring the pages of a post up to date with its links. Idempotent; `tags` where they are known.

    A page that the post points to no more is kept, and is not the post's any longer.
    """
    with transaction.atomic():
        posts = Post.objects.select_for_update(no_key=True)
        post = posts.filter(pk=post_id, tenant=tenant_id).first()
        if post is None:
            return "post not found"
        decision = decide(_said(post, tags), rules())
        count_when_committed(partial(_count, decision))
        pages = _pages(post, decision.urls, now=now)
        has_changed = _link(post, pages)
        if pages:
            outbox.publish(_event(post, decision, tags or ()))
        elif has_changed:
            tell([post.pk], now=now)
        return str(decision.trigger or decision.skip)


def _said(post: Post, tags: Sequence[str] | None) -> Said:
    return Said(
        text=post.content,
        urls=post.urls,
        hashtags=post.hashtags,
        tags=tags,
        has_media=post.has_media,
    )


def _count(decision: Decision) -> None:
    kind = "crawl" if decision.trigger else "skip"
    metrics.TRIGGERS.labels(kind, str(decision.trigger or decision.skip)).inc()


def _pages(post: Post, urls: Sequence[str], *, now: datetime) -> list[CrawledPage]:
    """The pages of these addresses in their order; new ones, and old ones that are to be asked."""
    new = {
        url_hash(url): CrawledPage(
            tenant_id=post.tenant_id, url=url, url_hash=url_hash(url), host=host_of(url)[:253],
            requested_at=now,
        )
        for url in urls
    }  # fmt: skip
    # In one order, so that two posts with the same links do not wait for each other.
    CrawledPage.objects.bulk_create([new[key] for key in sorted(new)], ignore_conflicts=True)
    found = CrawledPage.objects.filter(tenant=post.tenant_id, url_hash__in=new).order_by("url_hash")
    rows = {page.url_hash: page for page in found.select_for_update(no_key=True)}
    stale = [p for p in rows.values() if p.state in _ENDED and not claims.is_fresh(p, now=now)]
    for page in stale:
        page.state = PageState.REQUESTED
    CrawledPage.objects.bulk_update(stale, ["state"])
    return [rows[key] for key in new if key in rows]


def _link(post: Post, pages: Sequence[CrawledPage]) -> bool:
    """Make these pages the post's, and no others; returns whether that changed anything."""
    before = dict(PageMention.objects.filter(post=post).values_list("page", "position"))
    wanted = {page.pk: position for position, page in enumerate(pages)}
    if before == wanted:
        return False
    PageMention.objects.filter(post=post).delete()
    PageMention.objects.bulk_create(
        PageMention(page_id=page, post=post, position=position) for page, position in wanted.items()
    )
    return True


def _event(post: Post, decision: Decision, tags: Sequence[str]) -> PostCrawlEventV1:
    links = sha256("\n".join(decision.urls).encode()).hexdigest()
    return PostCrawlEventV1(
        tenant_id=str(post.tenant_id),
        idempotency_key=f"{post.tenant_id}:{post.pk}:crawl:{post.revision}:{links[:16]}",
        post_id=str(post.pk),
        urls=decision.urls,
        tags=list(tags),
        trigger_reason=str(decision.trigger),
        metadata={"policy": POLICY_VERSION},
    )
