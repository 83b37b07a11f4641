"""The real workers serve what they count, also after their command has returned."""

import signal
import socket
import urllib.request

import pytest

from events import heartbeats, subscriptions
from tests.acceptance.product import SAMPLE, Product, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def product(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        product = Product(tmp_path, metrics_port=probe.getsockname()[1], new_interpreter=True)
    yield product
    product.kill_workers()


def test_fact_113_workers_serve_metrics_and_end_as_ever(product):
    address = f"http://127.0.0.1:{product.metrics_port}/metrics"

    def text():
        try:
            return urllib.request.urlopen(address, timeout=10).read().decode()
        except OSError:
            return ""

    product.start_workers()
    assert wait_until(text, seconds=60), product.log
    assert wait_until(lambda: not heartbeats.unserved(subscriptions.queues()), seconds=60)
    product.manage("import_export", SAMPLE)

    assert 'storage_bucket_usage_gb{content_type="media"} 0.00' in text()
    assert "storage_quota_check_duration_seconds_count" in text()
    [cluster] = product.workers
    cluster.send_signal(signal.SIGTERM)
    assert cluster.wait(timeout=60) == 0, product.log
    product.workers.clear()
    assert not text()
    assert not heartbeats.running()  # who ends as asked is not missed for a while
