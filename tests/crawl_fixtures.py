"""Crawling of a site on this machine, which for this may be reached at its port."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from crawl.extraction.process import shared
from crawl.fetchers import http
from crawl.limits import hosts
from crawl.services import follow, visit
from events.delivery import worker
from events.outbound import connections
from media.models import Post
from tests import factories as make
from tests.crawl_site import Site

NAMES = {"site.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]}


@pytest.fixture(scope="session")
def _site() -> Iterator[Site]:
    with Site() as site:
        yield site
    shared.close()


@pytest.fixture
def site(_site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The site, with crawling switched on and no politeness to wait for."""
    _site.clear()
    settings.CRAWL = settings.CRAWL.model_copy(
        update={
            "feature_crawl_enabled": True, "crawl_requests_per_minute": 6000,
            "crawl_per_domain": 16, "crawl_fresh_minutes": 0,
        }
    )  # fmt: skip
    reach_this_machine(monkeypatch, _site.port)
    yield _site
    visit.forget_fetcher()


def reach_this_machine(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Let the guard reach this machine at one port, under the names of the tests."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    original = http.policy
    monkeypatch.setattr(
        http,
        "policy",
        lambda: replace(original(), private=True, ports=frozenset({80, 443, port})),
    )
    monkeypatch.setattr(connections, "resolve_host", lambda host, _port: NAMES.get(host, [host]))
    # The rows of the hosts that an earlier test asked were rolled back.
    monkeypatch.setattr(hosts, "_returns", hosts.Returns())
    visit.forget_fetcher()


def linking(*urls: str, of: Any = None, text: str = "", **fields: Any) -> Post:
    """A post whose text has these links."""
    content = text or f"Read this: {' '.join(urls)}"
    return make.post(of=of, content=content, urls=list(urls), **fields)


def crawl(post: Post, *, now: datetime) -> None:
    """Follow the links of a post, and do what is due in the queue of crawling."""
    follow.follow_post(post.pk, tenant_id=post.tenant_id, now=now)
    worker.drain("crawl")


__all__ = ["NAMES", "crawl", "linking", "reach_this_machine", "site"]
