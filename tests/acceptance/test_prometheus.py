"""A real Prometheus scrapes the web server and the workers of an installation at work."""

import math
import os
import re
import signal
import socket
import subprocess
import sys
from datetime import datetime, timedelta

import psutil
import pytest
from django.utils import timezone

from accounts import tenants
from albums.models import AlbumStatus
from events.models import Delivery
from events.workers import heartbeats
from tests import factories as make
from tests import prometheus
from tests.acceptance.product import SAMPLE, Product, wait_until
from tests.counted import CONTRACT, WHILE_IT_LASTS, samples_of
from tests.gigachat_stub import CLIENT_ID, CLIENT_SECRET, Stub
from tests.processes import ROOT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

TOKEN = "0123456789abcdef"
JOBS = ("web", "workers")
QUERIES = re.findall(
    r"^```promql\n(.*?)^```",
    (ROOT / "docs" / "operations.md").read_text(),
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture
def ports():
    """Three free ports: the product's web server and workers, and Prometheus."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for free in (one, two, three):
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in (one, two, three)]


@pytest.fixture
def product(tmp_path, ports):
    product = Product(tmp_path, metrics_port=ports[1])
    product.extra = {"METRICS_TOKEN": TOKEN, "LOG_LEVEL": "ERROR"}
    yield product
    product.kill_workers()


@pytest.fixture
def web(product, ports):
    command = [
        sys.executable, "-m", "gunicorn", "telegram_assistant.wsgi", "--workers", "2",
        "--threads", "2", "--bind", f"127.0.0.1:{ports[0]}", "--no-control-socket",
    ]  # fmt: skip
    log = (product.var_dir / "web.log").open("wb")
    process = subprocess.Popen(
        command, env=product.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
    )
    log.close()
    yield process
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(timeout=30)


@pytest.fixture
def stub():
    with Stub() as stub:
        yield stub


@pytest.fixture
def scraper(product, web, ports, tmp_path):
    folder = tmp_path / "prometheus"
    folder.mkdir()
    targets = dict(zip(JOBS, ports[:2], strict=True))
    with prometheus.running(folder, targets, port=ports[2], token=TOKEN) as running:
        yield running


def start(product) -> None:
    product.start_workers()
    assert wait_until(lambda: not heartbeats.unserved(("default", "vision")), seconds=60), (
        product.log
    )


def is_idle() -> bool:
    return not Delivery.objects.filter(state__in=("pending", "leased")).exists()


def is_fresh(scraper, after) -> bool:
    """Whether both targets have been scraped well since this time."""
    targets = scraper.targets()
    return len(targets) == len(JOBS) and all(
        target["health"] == "up" and datetime.fromisoformat(target["lastScrape"]) > after
        for target in targets
    )


def look(scraper) -> None:
    """Wait for a scrape of both that sees what is true now; figures are kept for 5 seconds."""
    after = timezone.now() + timedelta(seconds=5.5)
    assert wait_until(lambda: is_fresh(scraper, after), seconds=60, step=0.5), scraper.targets()


def by_gigachat(product, stub) -> None:
    product.extra |= {
        "GIGACHAT_CREDENTIALS": "",
        "GIGACHAT_CLIENT_ID": CLIENT_ID,
        "GIGACHAT_CLIENT_SECRET": CLIENT_SECRET,
        "GIGACHAT_SCOPE": "GIGACHAT_API_CORP",
        "GIGACHAT_BASE_URL": stub.base_url,
        "GIGACHAT_AUTH_URL": stub.auth_url,
    }


def kill_a_worker(product) -> int:
    """SIGKILL to one of the processes that work; the supervisor begins another. Its pid."""
    own = {one.pid for one in heartbeats.running()}
    [victim, *_] = sorted(
        process.pid
        for process in psutil.Process(product.workers[0].pid).children(recursive=True)
        if process.pid in own
    )
    os.kill(victim, signal.SIGKILL)
    return victim


def complaints(scraper) -> list[str]:
    """What Prometheus could not take: targets, samples, rules and lines of its log."""
    found = [target["lastError"] for target in scraper.targets() if target["lastError"]]
    if scraper.refused():
        found.append(f"{scraper.refused()} samples were refused")
    rules = [rule for group in scraper.ask("rules")["groups"] for rule in group["rules"]]
    found += [
        f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] == "err"
    ]
    lines = scraper.log.read_text().splitlines()
    return found + [line for line in lines if "level=warn" in line or "level=error" in line]


def missing(scraper) -> set[str]:
    wanted = {sample for name in CONTRACT for sample in samples_of(name)}
    return wanted - scraper.names()


def test_prometheus_takes_everything_after_each_provider_and_a_killed_worker(
    product, scraper, stub
):
    tenant = tenants.default_tenant()
    channel = make.channel(owner=tenant)
    waits = make.album(
        of=channel, pictures=[make.media_object(owner=tenant)], status=AlbumStatus.WAITING
    )
    start(product)
    look(scraper)
    assert not missing(scraper), "from the start"
    album = f'max by (status) (album_items_count_gauge{{album_id="{waits.pk}"}})'
    assert {m["status"]: v for m, v in scraper.query(album)} == {
        "total": 1, "analyzed": 0, "pending": 1,
    }  # fmt: skip

    # Text recognition.
    product.manage("import_export", SAMPLE)
    assert wait_until(is_idle, seconds=120, step=1), product.log
    look(scraper)
    by_ocr = 'sum(vision_analysis_requests_total{status="success",provider="ocr_fallback"})'
    stored = scraper.value('sum(media_processing_total{stage="store",outcome="success"})')
    assert scraper.value(by_ocr) > 5
    assert stored > 10
    assert scraper.value('sum(media_processing_total{stage="analyze",outcome="success"})') > 5
    assert scraper.value('sum(albums_assembled_total{status="ok"})') >= 1
    assert not complaints(scraper)

    # A worker that is killed takes none of its counts along, and is followed by another.
    before = scraper.value(by_ocr)
    victim = kill_a_worker(product)
    assert wait_until(
        lambda: len({one.pid for one in heartbeats.running()} - {victim}) >= 2, seconds=30
    )
    look(scraper)
    assert scraper.value(by_ocr) == before
    assert not list(product.var_dir.glob(f"metrics/worker/*/*_{victim}.*"))

    # GigaChat, with workers that begin anew: the whole cluster before was killed, too.
    product.kill_workers()
    by_gigachat(product, stub)
    start(product)
    done = product.manage("e2e_vision", "--no-web", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    look(scraper)
    paid = 'sum(vision_analysis_requests_total{status="success",provider="gigachat"})'
    assert scraper.value(paid) >= 1
    assert scraper.value("sum(vision_tokens_used_total)") > 0
    assert scraper.value("max(vision_budget_usage_gauge)") > 0
    assert scraper.value(by_ocr) >= before
    assert not missing(scraper)
    assert not [line for line in complaints(scraper) if "connection refused" not in line]

    assert CONTRACT.keys() >= WHILE_IT_LASTS
    for promql in QUERIES:
        found = scraper.query(promql)
        assert found, promql
        assert not any(math.isnan(value) for _, value in found), (promql, found)
    now = timezone.now()
    kept = scraper.ask(
        "query_exemplars", query="vision_analysis_duration_seconds_bucket",
        start=(now - timedelta(minutes=15)).isoformat(), end=now.isoformat(),
    )  # fmt: skip
    trace_ids = {e["labels"]["trace_id"] for one in kept for e in one["exemplars"]}
    assert trace_ids, "no exemplar"
