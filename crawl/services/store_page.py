"""Storing what a page says: its HTML and Markdown in the bucket, its text in the database."""

import logging
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Final

from accounts.models import Tenant
from crawl.extraction.process import Article
from crawl.models import CrawledPage, PageVersion
from storage_quota import keys, services
from storage_quota.models import ContentType
from vision.policy.language import detect

logger = logging.getLogger(__name__)

LANGUAGE_CHARS: Final = 2000


@dataclass(frozen=True, slots=True)
class Stored:
    """Keys of the two objects; empty where the bucket is full or away."""

    html: str = ""
    markdown: str = ""


def content_hash(article: Article) -> str:
    """The hash by which versions differ: of title and text, not of what surrounds them."""
    return sha256(f"{article.title}\0{article.text}".encode()).hexdigest()


def put(page: CrawledPage, html: bytes, article: Article, *, now: datetime) -> Stored:
    """
    Store both objects, with no transaction open.

    They belong to the current version: those of earlier ones have the same keys, and their texts
    are in the database.
    """
    tenant = Tenant.objects.get(pk=page.tenant_id)
    return Stored(
        html=_put(page, tenant, ".html", html, "text/html", now=now),
        markdown=_put(
            page, tenant, ".md", article.markdown.encode("utf-8"), "text/markdown", now=now
        ),
    )


def _put(
    page: CrawledPage, tenant: Tenant, suffix: str, text: bytes, mime: str, *, now: datetime
) -> str:
    key = keys.crawl(tenant_id=page.tenant_id, url_hash=page.url_hash, suffix=suffix)
    try:
        services.put_text(
            tenant=tenant, content_type=ContentType.CRAWL, key=key, text=text, mime=mime, now=now
        )
    except services.NOT_STORED as refusal:
        # The row has the text, so the post is found by it all the same.
        logger.warning("%s of page %s is not kept: %s", suffix, page.pk, refusal, exc_info=refusal)
        return ""
    return key


def add_version(page: CrawledPage, article: Article, *, now: datetime) -> bool:
    """Add a version in the caller's transaction, if the page says something else now."""
    digest = content_hash(article)
    current = PageVersion.objects.filter(page=page, number=page.version).first()
    if current is not None and current.content_sha256 == digest:
        return False
    page.version += 1
    PageVersion.objects.create(
        page=page,
        number=page.version,
        content_sha256=digest,
        title=article.title,
        author=article.author,
        published_on=_date(article.date),
        language=(detect(article.text[:LANGUAGE_CHARS]) or "")[:8],
        top_image=article.image[:2000],
        text=article.text,
        word_count=len(article.text.split()),
        seen_at=now,
    )
    return True


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
