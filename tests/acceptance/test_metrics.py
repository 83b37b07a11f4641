"""The real workers serve what they count, also after their command has returned."""

import json
import os
import shutil
import signal
import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from events import subscriptions
from events.models import Delivery
from events.workers import heartbeats
from tests.acceptance.product import SAMPLE, Product, wait_until
from tests.counted import CONTRACT, WHILE_IT_LASTS, samples_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def product(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        product = Product(tmp_path, probe.getsockname()[1], new_interpreter=True)
    yield product
    product.kill_workers()


@pytest.fixture
def beginning(tmp_path) -> Path:
    """
    An export of the sample's messages up to the first sticker: photos, an album, a sticker.

    Every series is counted in it; reading the other pictures takes ten seconds and counts no other.
    """
    folder = tmp_path / SAMPLE.name
    shutil.copytree(SAMPLE, folder)
    export = json.loads((folder / "result.json").read_text())
    export["messages"] = [one for one in export["messages"] if one["id"] <= 27]
    (folder / "result.json").write_text(json.dumps(export))
    return folder


def test_fact_113_workers_serve_metrics_and_end_as_ever(product, beginning):
    address = f"http://127.0.0.1:{product.metrics_port}/metrics"

    def text():
        try:
            return urllib.request.urlopen(address, timeout=10).read().decode()
        except OSError:
            return ""

    def value(page, sample):
        [line] = [line for line in page.splitlines() if line.startswith(f"{sample} ")]
        return float(line.rpartition(" ")[2])

    def samples_on(page):
        return [s for family in text_string_to_metric_families(page) for s in family.samples]

    def missing(page):
        wanted = {s for name in CONTRACT.keys() - WHILE_IT_LASTS for s in samples_of(name)}
        return wanted - {sample.name for sample in samples_on(page)}

    def is_idle():
        return not Delivery.objects.filter(state__in=("pending", "leased")).exists()

    product.start_workers()
    # Looked at twice a second: each page is as much work as a picture.
    assert wait_until(text, seconds=60, step=0.5), product.log
    assert wait_until(lambda: not heartbeats.unserved(subscriptions.queues()), seconds=60)
    product.manage("import_export", beginning)

    assert wait_until(lambda: not missing(text()), seconds=30, step=0.5), missing(text())
    samples = [(s.name, *sorted(s.labels.items())) for s in samples_on(text())]
    assert len(samples) == len(set(samples))
    stored = 'media_processing_total{media="photo",outcome="success",stage="store"}'
    assert value(text(), stored) > 5
    gauge = 'storage_bucket_usage_gb{content_type="media"}'
    assert wait_until(
        lambda: value(text(), gauge) > 0, seconds=30, step=0.5
    )  # kept for some seconds
    assert value(text(), "storage_quota_check_duration_seconds_count") > 0
    assert wait_until(is_idle, seconds=120)
    analyzed = 'media_processing_total{media="photo",outcome="success",stage="analyze"}'
    assert wait_until(lambda: value(text(), analyzed) > 5, seconds=30, step=0.5)
    before = value(text(), analyzed)
    [victim, *_] = [one.pid for one in heartbeats.running() if "vision_backfill" in one.queues]
    os.kill(victim, signal.SIGKILL)
    assert wait_until(
        lambda: text() and not list(product.var_dir.glob(f"metrics/worker/*/*_{victim}.db")),
        seconds=30,
        step=0.5,
    )
    assert value(text(), analyzed) == before
    [cluster] = product.workers
    cluster.send_signal(signal.SIGTERM)
    assert cluster.wait(timeout=60) == 0, product.log
    product.workers.clear()
    assert not text()
    # Who ends as asked is not missed for a while, as the one that was killed is.
    assert {one.pid for one in heartbeats.running()} <= {victim}
