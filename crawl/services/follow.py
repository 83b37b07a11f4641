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
from vision.tagging.lookup import GivenTags, given_to
from vision.tagging.words.names import canonical

_ENDED = (PageState.READ, PageState.GONE, PageState.REFUSED, PageState.FAILED)
NOT_FOUND = "post not found"
NOTHING_NEW = "nothing new"


def follow_post(post_id: UUID, *, tenant_id: UUID, now: datetime) -> str:
    """
    Bring the pages of a post that is new or was edited up to date with its links. Idempotent.

    A page that the post points to no more is kept, and is not the post's any longer.
    """
    with transaction.atomic():
        post = _locked(post_id, tenant_id)
        if post is None:
            return NOT_FOUND
        tags = given_to([post.pk])[post.pk]
        return _follow(post, decide(said(post, tags), rules()), tags, now=now)


def follow_changed(post_id: UUID, *, tenant_id: UUID, now: datetime) -> str:
    """
    Do the same for a post whose text is as it was, because its tags or the rules may have changed.

    Where the post has its pages already, they are neither counted nor fetched again.
    """
    with transaction.atomic():
        post = _locked(post_id, tenant_id)
        if post is None:
            return NOT_FOUND
        tags = given_to([post.pk])[post.pk]
        decision = decide(said(post, tags), rules())
        if decision.urls == pages_of([post.pk]).get(post.pk, []):
            return NOTHING_NEW
        return _follow(post, decision, tags, now=now)


def said(post: Post, tags: GivenTags) -> Said:
    """What the policy is told of a post: a hashtag that a person removed says nothing."""
    is_tagged = bool(tags.revision or tags.names or tags.removed)
    return Said(
        text=post.content,
        urls=post.urls,
        hashtags=[name for name in post.hashtags if canonical(name) not in tags.removed],
        tags=tags.names if is_tagged else None,
        has_media=post.has_media,
    )


def pages_of(post_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """The canonical addresses that posts have as their pages, in the order of their links."""
    found: dict[UUID, list[str]] = {}
    rows = PageMention.objects.filter(post__in=post_ids).order_by("post", "position")
    for post_id, url in rows.values_list("post", "page__url"):
        found.setdefault(post_id, []).append(url)
    return found


def _locked(post_id: UUID, tenant_id: UUID) -> Post | None:
    posts = Post.objects.select_for_update(no_key=True)
    return posts.filter(pk=post_id, tenant=tenant_id).first()


def _follow(post: Post, decision: Decision, tags: GivenTags, *, now: datetime) -> str:
    count_when_committed(partial(_count, decision))
    pages, are_asked = _pages(post, decision.urls, now=now)
    has_changed = _link(post, pages)
    if pages:
        _publish(post, decision, tags, now=now if has_changed or are_asked else None)
    elif has_changed:
        tell([post.pk], now=now)
    return str(decision.trigger or decision.skip)


def _count(decision: Decision) -> None:
    kind = "crawl" if decision.trigger else "skip"
    metrics.TRIGGERS.labels(kind, str(decision.trigger or decision.skip)).inc()


def _pages(post: Post, urls: Sequence[str], *, now: datetime) -> tuple[list[CrawledPage], bool]:
    """
    The pages of these addresses in their order, made where there are none.

    With it whether any that was visited before is to be visited again.
    """
    new = {
        url_hash(url): CrawledPage(
            tenant_id=post.tenant_id, url=url, url_hash=url_hash(url), host=host_of(url),
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
    return [rows[key] for key in new if key in rows], bool(stale)


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


def _publish(post: Post, decision: Decision, tags: GivenTags, *, now: datetime | None) -> None:
    """
    Ask for the visits; with `now` also where the same was asked of this revision of the post.

    Tags that come, go and come again lead to the same links: without the time in the key nobody
    would visit pages that are to be visited again, nor tell the post of its pages.
    """
    event = _event(post, decision, tags.names)
    if not outbox.publish(event) and now is not None:
        key = f"{event.idempotency_key}:{now.timestamp():.6f}"
        outbox.publish(event.model_copy(update={"idempotency_key": key}))


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
