"""
`python -m bench.crawl`: a site of 1 000 pages is fetched as fast as politeness allows, and only once.

The site is on this machine; posts link to its pages, one each, and the queue of crawling is drained as
workers do. Bounds: pages a second, to those that CRAWL_REQUESTS_PER_MINUTE allows, at least 0.9;
no two requests of the site nearer than 0.9 of the gap; a second run of all pages, at whatever
speed, downloads no page: each is answered 304.
"""

import argparse
import itertools
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.utils import timezone  # noqa: E402

from bench.support import report  # noqa: E402
from crawl.extraction.process import shared  # noqa: E402
from crawl.fetchers import http  # noqa: E402
from crawl.models import CrawledPage  # noqa: E402
from crawl.services import ask, follow, visit  # noqa: E402
from events.delivery import worker  # noqa: E402
from events.outbound import connections  # noqa: E402
from tests import factories as make  # noqa: E402
from tests.crawl_site import Site, article  # noqa: E402

PAGES, PER_MINUTE, SHARE = 1000, 180, 0.9
HOST = "site.example"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--per-minute", type=float, default=PER_MINUTE)
    chosen = parser.parse_args()
    with database.fresh(), Site() as site, tempfile.TemporaryDirectory() as folder:
        settings.OBJECTS_DIR = Path(folder, "objects")
        _configure(site.port, chosen.per_minute)
        _posts(site, chosen.pages)
        seconds = _drained("requested")
        figures = [*_of_first(site, seconds, chosen), *_of_second(site, chosen.pages)]
        visit.forget_fetcher()
        shared.close()
    return report.close(figures)


def _configure(port: int, per_minute: float) -> None:
    """Switch crawling on, for this machine under one name."""
    settings.CRAWL = settings.CRAWL.model_copy(
        update={
            "feature_crawl_enabled": True, "crawl_requests_per_minute": per_minute,
            "crawl_tenant_pages_per_day": 10**6, "crawl_domain_pages_per_hour": 10**6,
        }
    )  # fmt: skip
    mine = replace(http.policy(), private=True, ports=frozenset({80, 443, port}))
    http.policy = lambda: mine
    connections.look_up = lambda host, _port: ["127.0.0.1"] if host == HOST else [host]


def _posts(site: Site, count: int) -> None:
    of = make.channel()
    for number in range(count):
        path = f"/{number}"
        site.pages[path] = article(f"Storm {number}", f"The harbor of town {number} is shut. " * 20)
        url = site.url(path, HOST)
        post = make.post(of=of, content=f"Read {url}", urls=[url])
        follow.follow_post(post.pk, tenant_id=post.tenant_id, now=timezone.now())


def _drained(state: str) -> float:
    """Drain the queue until no page is in this state; the seconds that it took."""
    started = time.monotonic()
    while CrawledPage.objects.filter(state__in=[state, "claimed"]).exists():
        worker.drain("crawl")
        time.sleep(0.25)  # as the loop of a worker looks again
    return time.monotonic() - started


def _of_first(site: Site, seconds: float, chosen: argparse.Namespace) -> list[report.Figure]:
    read = CrawledPage.objects.filter(state="read").count()
    allowed = chosen.per_minute / 60
    times = [at for path, at in site.times if path != "/robots.txt"]
    gaps = [later - at for at, later in itertools.pairwise(times)]
    return [
        report.Figure("crawl: pages a second", read / seconds, unit="1/s"),
        report.Figure(
            "crawl: pages a second, to what politeness allows", read / seconds / allowed,
            at_least=SHARE, unit="times",
        ),
        report.Figure(
            "crawl: smallest mean gap of ten requests, to the gap of politeness",
            min(sum(gaps[i : i + 10]) / 10 for i in range(len(gaps) - 9)) * allowed,
            at_least=SHARE, unit="times",
        ),
    ]  # fmt: skip


def _of_second(site: Site, count: int) -> list[report.Figure]:
    settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_requests_per_minute": 6000})
    before, sent = len(site.asked), site.sent
    ask.again(CrawledPage.objects.values_list("pk", flat=True), now=timezone.now())
    seconds = _drained("requested")
    print(f"   asked again for {len(site.asked) - before} pages in {seconds:.0f} s")
    same = CrawledPage.objects.filter(state="read", reason="not_modified").count()
    return [
        report.Figure("crawl: second run, pages that had not changed", same / count, at_least=1),
        report.Figure("crawl: second run, bytes of pages", site.sent - sent, at_most=0, unit="B"),
    ]


if __name__ == "__main__":
    sys.exit(main())
