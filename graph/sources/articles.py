"""Facts of articles: pages that posts link to, and what crawling has read of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crawl.canonicalize import url_hash
from crawl.models import CrawledPage, PageVersion
from graph import keys
from graph.facts import ARTICLE, Facts, Ref, present
from graph.sources.moments import written

Link = tuple[UUID, str]
"""A tenant and the address of an article, in the form of `keys.address`."""


def read(named: Iterable[Link], facts: Facts) -> None:
    """Add the facts of the named articles, and of those that edges among the facts lead to."""
    linked = {ref: told for ref, told in facts.leaves.items() if ref.label == ARTICLE}
    wanted = {*named, *((UUID(told["tenant_id"]), told["url"]) for told in linked.values())}
    pages = _pages(wanted)
    versions = _versions([page for page in pages.values() if page])
    for tenant, address in wanted:
        article = Ref(ARTICLE, keys.article(tenant, address))
        page = pages[tenant, address]
        facts.leaves.pop(article, None)
        facts.owners[article] = {
            "key": article.key,
            "tenant_id": str(tenant),
            "url": address,
            **_properties(page, versions),
        }


def _properties(page: CrawledPage | None, versions: Mapping[UUID, PageVersion]) -> dict[str, Any]:
    """What crawling knows. A visit that finds nothing new is no news: so it says nothing of when."""
    if page is None:
        return {}
    current = versions.get(page.pk)
    return present(
        {
            "url": page.url,
            "leads_to": page.final_url or None,
            "title": page.title or None,
            "s3_html_key": page.html_key or None,
            "gone_since": written(page.gone_since),
            "content_sha256": current.content_sha256 if current else None,
            "language": (current.language or None) if current else None,
            "crawled_at": written(current.seen_at) if current else None,
        }
    )


def _pages(links: Iterable[Link]) -> dict[Link, CrawledPage | None]:
    """The page of each article: of its spellings one that was read, TLS first, without www first."""
    hashes = {link: list(map(url_hash, keys.spellings(link[1]))) for link in links}
    by_tenant: dict[UUID, list[str]] = defaultdict(list)
    for (tenant, _), some in hashes.items():
        by_tenant[tenant] += some
    found: dict[tuple[UUID, str], CrawledPage] = {}
    for tenant, wanted in by_tenant.items():
        rows = CrawledPage.objects.filter(tenant=tenant, url_hash__in=wanted)
        found |= {(tenant, row.url_hash): row for row in rows}
    return {
        (tenant, address): _best([found[tenant, one] for one in some if (tenant, one) in found])
        for (tenant, address), some in hashes.items()
    }


def _best(pages: Sequence[CrawledPage]) -> CrawledPage | None:
    return next((page for page in pages if page.version), pages[0] if pages else None)


def _versions(pages: Sequence[CrawledPage]) -> dict[UUID, PageVersion]:
    rows = PageVersion.objects.filter(page__in=pages).defer("text")
    found = {(row.page_id, row.number): row for row in rows}
    wanted = ((page.pk, page.version) for page in pages)
    return {key[0]: found[key] for key in wanted if key in found}
