"""
`python -m bench.crawl`: a site of many pages is fetched as fast as politeness allows, and only once.

The site is a server of this machine under several names; posts link to its pages, one each, and the
queue of crawling is served as workers do. Two runs: 500 pages of ten domains, each asked three
times in four seconds, and 60 pages of one domain, asked three times a second (`--times 2` and more
take as much longer and say the same: the figures are rates). Bounds of each: pages a second, to those that
CRAWL_REQUESTS_PER_MINUTE allows for its domains, at least 0.9; no ten requests to one domain
nearer than 0.9 of the gap. Then all pages once more, at whatever speed: none is downloaded, each is
answered 304.
"""

import argparse
import itertools
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from bench.support import database

# A thread that fetches waits most of the time: ten domains need more than three.
os.environ.setdefault("MAX_CONCURRENT_CRAWLS", "12")
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

SHARE = 0.9
IN_A_ROW = 10


@dataclass(frozen=True)
class Run:
    """So many pages on so many domains, each of which may be asked so often a minute."""

    name: str
    pages: int
    domains: int
    per_minute: float

    @property
    def allowed(self) -> float:
        """Pages a second that politeness allows."""
        return self.domains * self.per_minute / 60

    @property
    def hosts(self) -> list[str]:
        return [f"{self.name}-{number}.example" for number in range(self.domains)]


RUNS = (Run("several", 500, 10, 45), Run("one", 60, 1, 180))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=float, default=1, help="as many pages in each run")
    chosen = parser.parse_args()
    figures = []
    with database.fresh(), Site() as site, tempfile.TemporaryDirectory() as folder:
        settings.OBJECTS_DIR = Path(folder, "objects")
        _reach(site.port)
        for run in RUNS:
            pages = round(run.pages * chosen.times)
            figures += _of_first(site, replace(run, pages=pages))
        figures += _of_second(site)
        visit.forget_fetcher()
        shared.close()
    return report.close(figures)


def _reach(port: int) -> None:
    """Let the guard reach this machine at one port, under whatever name."""
    mine = replace(http.policy(), private=True, ports=frozenset({80, 443, port}))
    http.policy = lambda: mine
    connections.resolve_host = lambda host, _port: (
        ["127.0.0.1"] if host.endswith(".example") else [host]
    )


def _configure(per_minute: float) -> None:
    """Switch crawling on, with this politeness."""
    settings.CRAWL = settings.CRAWL.model_copy(
        update={
            "feature_crawl_enabled": True, "crawl_requests_per_minute": per_minute,
            "crawl_tenant_pages_per_day": 10**6, "crawl_domain_pages_per_hour": 10**6,
        }
    )  # fmt: skip


def _posts(site: Site, run: Run) -> None:
    """Posts in a random order of domains would do; one after the other of each domain is worst."""
    of = make.channel()
    share = -(-run.pages // run.domains)
    for number in range(run.pages):
        path = f"/{run.name}/{number}"
        site.pages[path] = article(f"Storm {number}", f"The harbor of town {number} is shut. " * 20)
        url = site.url(path, run.hosts[number // share])
        post = make.post(of=of, content=f"Read {url}", urls=[url])
        follow.follow_post(post.pk, tenant_id=post.tenant_id, now=timezone.now())


def _drained() -> float:
    """Serve the queue until no page is to be fetched; the seconds that it took."""
    started = time.monotonic()
    while CrawledPage.objects.filter(state__in=["requested", "claimed"]).exists():
        if not worker.drain("crawl").settled:
            time.sleep(worker.IDLE_POLL)
    return time.monotonic() - started


def _of_first(site: Site, run: Run) -> list[report.Figure]:
    _configure(run.per_minute)
    _posts(site, run)
    used, seconds = _cpu(), _drained()
    used = _cpu() - used
    read = CrawledPage.objects.filter(state="read", host__in=run.hosts).count()
    name = f"crawl, {run.pages} pages of {run.domains} domain{'s'[: run.domains > 1]}"
    print(f"   {name}: {seconds:.1f} s, {1000 * used / run.pages:.0f} ms of CPU a page")
    return [
        report.Figure(f"{name}: pages a second", read / seconds, unit="1/s"),
        report.Figure(
            f"{name}: to what politeness allows", read / seconds / run.allowed,
            at_least=SHARE, unit="times",
        ),
        report.Figure(
            f"{name}: smallest mean gap of {IN_A_ROW} requests, to that of politeness",
            _smallest_gap(site, run) * run.per_minute / 60, at_least=SHARE, unit="times",
        ),
    ]  # fmt: skip


def _cpu() -> float:
    """Seconds of CPU that this process and those it has ended have used, the site's included."""
    return sum(
        getattr(resource.getrusage(who), name)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        for name in ("ru_utime", "ru_stime")
    )


def _smallest_gap(site: Site, run: Run) -> float:
    """Seconds between requests of pages of one domain: the smallest mean of some in a row."""
    times: dict[str, list[float]] = defaultdict(list)
    share = -(-run.pages // run.domains)
    for path, at in site.times:
        if path.startswith(f"/{run.name}/"):
            times[run.hosts[int(path.rpartition("/")[2]) // share]].append(at)
    return min(
        (later - at) / IN_A_ROW
        for one in times.values()
        for at, later in zip(one, itertools.islice(one, IN_A_ROW, None), strict=False)
    )


def _of_second(site: Site) -> list[report.Figure]:
    _configure(6000)
    asked, sent = len(site.asked), site.sent
    ask.again(CrawledPage.objects.values_list("pk", flat=True), now=timezone.now())
    seconds = _drained()
    print(f"   asked again for {len(site.asked) - asked} pages in {seconds:.0f} s")
    same = CrawledPage.objects.filter(state="read", reason="not_modified").count()
    count = CrawledPage.objects.count()
    return [
        report.Figure("crawl: second run, pages that had not changed", same / count, at_least=1),
        report.Figure("crawl: second run, bytes of pages", site.sent - sent, at_most=0, unit="B"),
    ]


if __name__ == "__main__":
    sys.exit(main())
