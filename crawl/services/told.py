"""What is known of a post's pages: its enrichment, and the event in the same transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from crawl.models import CrawledPage, PageState, PageVersion
from crawl.policy import POLICY_VERSION
from events import outbox
from events.schemas import PostEnrichedEventV1
from media.models import Post
from vision.models import EnrichmentKind, EnrichmentStatus, PostEnrichment, VisionProviderName

EXCERPT_CHARS: Final = 2000
PROVIDER: Final = "crawl"
_PENDING: Final = (PageState.REQUESTED, PageState.CLAIMED)


def tell(post_ids: Iterable[UUID], *, now: datetime) -> int:
    """
    Bring the enrichments of these posts up to date, in the caller's transaction; returns how many
    changed, each of which is published.

    A post with a page that is not visited yet is left alone: whoever visits it comes here then.
    """
    # In one order, so that two visits of pages that posts share do not wait for each other.
    posts = Post.objects.filter(pk__in=set(post_ids)).order_by("pk")
    return sum(_tell(post, now=now) for post in posts.select_for_update(no_key=True))


def _tell(post: Post, *, now: datetime) -> bool:
    pages = list(CrawledPage.objects.filter(mentions__post=post).order_by("mentions__position"))
    if any(page.state in _PENDING for page in pages):
        return False
    before = PostEnrichment.objects.filter(post=post, kind=EnrichmentKind.CRAWL).first()
    features = _features(pages)
    if before.features_hash == features if before else not pages:
        return False
    read = _read(pages)
    columns = _columns(pages, read, features)
    PostEnrichment.objects.update_or_create(post=post, kind=EnrichmentKind.CRAWL, defaults=columns)
    key = f"{post.pk}:enriched:{POLICY_VERSION}"
    later = f"{key}:{features[:16]}:{now.timestamp():.6f}"
    if before or not outbox.publish(_event(post, pages, read, key=key)):
        outbox.publish(_event(post, pages, read, key=later))
    return True


def _read(pages: Sequence[CrawledPage]) -> list[PageVersion]:
    """The current versions, in the order of the pages."""
    found = PageVersion.objects.filter(page__in=pages).defer("text")
    versions = {(version.page_id, version.number): version for version in found}
    wanted = ((page.pk, page.version) for page in pages)
    return [versions[key] for key in wanted if key in versions]


def _features(pages: Sequence[CrawledPage]) -> str:
    told = [f"{p.url_hash}:{p.state}:{_trouble(p)}:{p.version}:{p.html_key}" for p in pages]
    return sha256("\n".join(told).encode()).hexdigest() if told else ""


def _trouble(page: CrawledPage) -> str:
    """Why a page was not read; how it was read is no news to its posts."""
    return "" if page.state == PageState.READ else page.reason


def _columns(
    pages: Sequence[CrawledPage], read: Sequence[PageVersion], features: str
) -> dict[str, Any]:
    stored = [key for page in pages for key in (page.html_key, page.markdown_key) if key]
    return {
        "provider": PROVIDER,
        # So that the console says "not analyzed" and not "ok" where nothing was read.
        "vision_provider": None if read else VisionProviderName.NONE,
        "status": _status(pages, read),
        "features_hash": features,
        "data": {"pages": [_line(page) for page in pages]},
        "metadata": {"policy": POLICY_VERSION},
        "s3_crawl_keys": stored,
    }


def _status(pages: Sequence[CrawledPage], read: Sequence[PageVersion]) -> EnrichmentStatus:
    if all(page.state == PageState.READ for page in pages):
        return EnrichmentStatus.OK
    return EnrichmentStatus.PARTIAL if read else EnrichmentStatus.ERROR


def _line(page: CrawledPage) -> dict[str, Any]:
    return {
        "url": page.url,
        "url_hash": page.url_hash,
        "state": page.state,
        "reason": page.reason,
        "title": page.title,
        "version": page.version,
    }


def _event(
    post: Post, pages: Sequence[CrawledPage], read: Sequence[PageVersion], *, key: str
) -> PostEnrichedEventV1:
    return PostEnrichedEventV1(
        tenant_id=str(post.tenant_id),
        idempotency_key=key,
        post_id=str(post.pk),
        channel_id=str(post.channel_id),
        enrichment_data={"pages": [_line(page) for page in pages]},
        source_urls=[page.url for page in pages],
        word_count=sum(version.word_count for version in read),
        original_word_count=len(post.content.split()),
        skipped=not read,
        skip_reason=None if read else next((page.reason for page in pages), "no_urls"),
        crawl_duration_ms=round(sum(page.seconds or 0 for page in pages) * 1000),
        crawl_success=bool(read),
        policy_applied=POLICY_VERSION,
        quality_score=len(read) / len(pages) if pages else 0,
    )
