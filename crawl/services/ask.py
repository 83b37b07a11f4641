"""Ask for visits of pages: when their time has come, or because a person wants it."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.models import Tenant
from crawl.canonicalize import url_hash
from crawl.models import CrawledPage, PageMention, PageState
from crawl.policy import address_of, host_of
from crawl.settings import is_on
from events import outbox
from events.errors import DomainError
from events.schemas import PostCrawlEventV1
from events.sentences import gettext_noop

AT_ONCE: Final = 500
"""Visits that are asked for in one run of the job, which comes each minute."""


class CrawlingSwitchedOff(DomainError):
    """FEATURE_CRAWL_ENABLED is off: nobody would fetch what is asked for."""

    code: ClassVar[str] = "crawling_switched_off"
    http_status: ClassVar[int] = 409


class NoAddress(DomainError):
    """It is no address of a page of the web."""

    code: ClassVar[str] = "no_address"


def due(*, now: datetime) -> int:
    """Ask for the visits whose time has come; returns how many."""
    if not is_on():
        return 0
    with transaction.atomic():
        waiting = CrawledPage.objects.filter(state=PageState.WAITING, due_at__lte=now)
        # `skip_locked`: one that is locked is being visited at this moment.
        rows = waiting.order_by("due_at").select_for_update(skip_locked=True)
        pages = list(rows[:AT_ONCE])
        for page in pages:
            page.state, page.due_at = PageState.REQUESTED, None
        CrawledPage.objects.bulk_update(pages, ["state", "due_at"])
        _publish(pages, f"due:{now:%Y%m%d-%H%M%S}:{secrets.token_hex(3)}", "due")
    return len(pages)


def again(page_ids: Iterable[UUID], *, now: datetime) -> int:
    """
    Have these pages fetched again, however lately they were; returns how many.

    One that is being fetched at this moment is not asked for twice. Raises CrawlingSwitchedOff.
    """
    if not is_on():
        raise CrawlingSwitchedOff(
            gettext_noop("FEATURE_CRAWL_ENABLED is off: pages are not fetched")
        )
    with transaction.atomic():
        rows = CrawledPage.objects.filter(pk__in=set(page_ids)).exclude(state=PageState.CLAIMED)
        pages = list(rows.order_by("pk").select_for_update(of=("self",)))
        for page in pages:
            page.state, page.due_at, page.attempts = PageState.REQUESTED, None, 0
        CrawledPage.objects.bulk_update(pages, ["state", "due_at", "attempts"])
        _publish(pages, f"again:{now:%Y%m%d-%H%M%S}:{secrets.token_hex(3)}", "person")
        _record(pages)
    return len(pages)


def page_of(text: str, *, tenant: Tenant, now: datetime) -> CrawledPage:
    """The page of an address, which is noted if it is new. Raises NoAddress."""
    url = address_of(text)
    if not url or not host_of(url):
        raise NoAddress(f"{text[:200]!r} is no address of a page")
    return CrawledPage.objects.get_or_create(
        tenant=tenant,
        url_hash=url_hash(url),
        defaults={"url": url, "host": host_of(url), "requested_at": now},
    )[0]


def _publish(pages: Sequence[CrawledPage], run: str, reason: str) -> None:
    posts = dict(PageMention.objects.filter(page__in=pages).values_list("page", "post"))
    outbox.publish_many(
        [
            PostCrawlEventV1(
                tenant_id=str(page.tenant_id),
                idempotency_key=f"{page.tenant_id}:{page.url_hash[:24]}:{run}",
                post_id=str(posts.get(page.pk, "")),
                urls=[page.url],
                trigger_reason=reason,
            )
            for page in pages
        ]
    )


def _record(pages: Sequence[CrawledPage]) -> None:
    """Tell the audit, once for each tenant."""
    tenants = Tenant.objects.in_bulk({page.tenant_id for page in pages})
    for pk, tenant in sorted(tenants.items()):
        urls = [page.url for page in pages if page.tenant_id == pk]
        audit.record(
            "articles.requested", tenant=tenant, after={"articles": len(urls), "urls": urls[:10]}
        )
