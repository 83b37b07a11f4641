"""Subscriptions of crawling; they get no deliveries while FEATURE_CRAWL_ENABLED is off."""

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from crawl.models import PageMention
from crawl.services import follow, visit_post
from crawl.settings import is_on
from events.schemas import PostCrawlEventV1, PostParsedEventV1
from events.subscriptions import Mode, subscribe

logger = logging.getLogger(__name__)

QUEUE: Final = "crawl"
"""Its own: a server that takes its time delays nothing else."""
LEASE: Final = timedelta(minutes=20)
"""For ten links, each with a place to wait for."""


def _may_have_links(event: PostParsedEventV1) -> bool:
    """Also where an edit may have removed the last one."""
    return bool(event.urls) or (
        event.is_edited and PageMention.objects.filter(post=UUID(event.post_id)).exists()
    )


@subscribe(PostParsedEventV1, name="crawl.follow", when=_may_have_links, in_use=is_on)
def follow_links(event: PostParsedEventV1, *, now: datetime) -> str:
    return follow.follow_post(UUID(event.post_id), tenant_id=UUID(event.tenant_id), now=now)


@subscribe(
    PostCrawlEventV1,
    name="crawl.visit",
    queue=QUEUE,
    mode=Mode.LEASED,
    batch=1,
    lease=LEASE,
    threads=settings.CRAWL.max_concurrent_crawls,
    in_use=is_on,
)
def visit_pages(event: PostCrawlEventV1, *, now: datetime) -> str:
    outcome = visit_post.visit_pages(
        event.urls, tenant_id=UUID(event.tenant_id), post_id=event.post_id, now=now
    )
    logger.info("Pages: %s", outcome)
    return outcome
