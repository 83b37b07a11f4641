"""What is counted, by whichever process, is told once, exactly, and to the right ones."""

import logging
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from pydantic import SecretStr

from accounts.models import User
from events.metrics import scrape, series
from storage_quota import services
from storage_quota.metrics import VIOLATIONS
from telegram_assistant.config import Metrics
from telegram_assistant.metrics import exposition, files, folder, server
from tests.storage_fixtures import key

NEVER = {"post_id", "channel_username", "channel", "sha256", "pid"}
TOKEN = "0123456789abcdef"


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.fixture
def of(tmp_path):
    """Writes one sample into the file of a process."""

    def write(pid, value, *, kind="counter", name="x_total", at=0.0, **labels):
        file = MmapedDict(str(tmp_path / f"{kind}_{pid}.db"))
        sample = mmap_key(name.removesuffix("_total"), name, labels.keys(), labels.values(), "Help")
        file.write_value(sample, value, at)
        file.close()

    return write


def told(folder_path) -> dict[str, float]:
    with files.settled(folder_path) as paths:
        families = exposition.MultiProcessCollector.merge(paths)
    return {sample.name: sample.value for family in families for sample in family.samples}


def page(accept: str = "") -> str:
    """What a scrape finds that asks the database anew."""
    scrape.forget()
    return exposition.page(accept)[0].decode()


def scraped(text: str) -> dict[tuple[str, tuple], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class TestFiles:
    def test_what_the_dead_counted_stays_and_their_files_go(self, tmp_path, of, dead_pid):
        of(dead_pid, 3)
        of(os.getpid(), 4)

        assert told(tmp_path) == {"x_total": 7}
        assert told(tmp_path) == {"x_total": 7}
        assert {path.name for path in tmp_path.glob("*.db")} == {
            "counter_dead.db",
            f"counter_{os.getpid()}.db",
        }

    def test_thousands_of_commands_leave_one_file_per_kind(self, tmp_path, of, dead_pid):
        for number in range(50):
            of(dead_pid, 1)
            of(dead_pid, number, kind="histogram", name="y_sum")
            assert told(tmp_path) == {"x_total": number + 1, "y_sum": sum(range(number + 1))}

        assert sorted(path.name for path in tmp_path.glob("*.db")) == [
            "counter_dead.db", "histogram_dead.db",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("kind", "kept"),
        [("gauge_mostrecent", 2.0), ("gauge_max", 5.0), ("gauge_min", 2.0), ("gauge_sum", 7.0)],
    )
    def test_a_gauge_of_all_times_is_kept_by_its_own_rule(self, tmp_path, of, kind, kept):
        for value, at in ((5, 1.0), (2, 9.0)):
            process = subprocess.Popen(["true"])
            process.wait()
            of(process.pid, value, kind=kind, name="g", at=at)

        assert told(tmp_path) == {"g": kept}

    def test_a_gauge_of_the_living_ends_with_its_process(self, tmp_path, of, dead_pid):
        of(dead_pid, 5, kind="gauge_livesum", name="g")

        assert told(tmp_path) == {}
        assert not list(tmp_path.glob("*.db"))

    @pytest.mark.parametrize(
        "content", [b"", b"\xff", b"\xff" * 100], ids=["empty", "cut", "garbage"]
    )
    def test_a_torn_file_of_a_dead_process_spoils_nothing(self, tmp_path, of, dead_pid, content):
        (tmp_path / f"histogram_{dead_pid}.db").write_bytes(content)
        of(dead_pid, 3)

        assert told(tmp_path) == {"x_total": 3}

    def test_many_readers_at_once_add_nothing_up_twice(self, tmp_path, of, dead_pid):
        seen = []
        for _ in range(5):
            of(dead_pid, 1)
            readers = [threading.Thread(target=lambda: seen.append(told(tmp_path))) for _ in "abc"]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()

        values = [answer["x_total"] for answer in seen]
        assert values == sorted(values)
        assert values[-1] == 5

    def test_a_real_process_counts_and_goes(self, tmp_path):
        code = (
            "from prometheus_client import Counter; Counter('x', 'Help', ['a']).labels('1').inc()"
        )
        for _ in range(2):
            subprocess.run(
                [sys.executable, "-c", code], env={folder.VARIABLE: str(tmp_path)}, check=True
            )

        assert told(tmp_path) == {"x_total": 2}

    def test_web_and_workers_count_apart(self, tmp_path, monkeypatch):
        monkeypatch.setenv(folder.VARIABLE, "inherited")
        assert folder.prepare(tmp_path) == tmp_path / "metrics" / "worker" / folder.host()
        monkeypatch.setattr(folder, "role", "web")

        own = tmp_path / "metrics" / "web" / folder.host()
        assert folder.prepare(tmp_path) == own
        assert os.environ[folder.VARIABLE] == str(own)


@pytest.mark.django_db
class TestExposition:
    def test_fact_113_the_metrics_of_storage_are_there_before_their_first_use(self):
        names = [family.name for family in text_string_to_metric_families(page())]

        assert {
            "storage_bucket_usage_gb",
            "storage_quota_violations",
            "storage_emergency_cleanups",
            "s3_upload_duration_seconds",
            "s3_operations",
            "tenant_storage_usage_gb",
            "storage_quota_check_duration_seconds",
            "metrics_backend_up",
        } <= set(names)
        assert len(names) == len(set(names))
        labels = {label for _, labels in scraped(page()) for label, _ in labels}
        assert not labels & NEVER

    def test_fact_033_the_gauges_are_the_ledger(self, store, tenant, now):
        stored = services.put_json(
            tenant=tenant,
            content_type="vision",
            key=key(tenant, "a.json", "vision"),
            data={"labels": ["кот"]},
            now=now,
        )

        samples = scraped(page())

        gib = stored.size_bytes / 1024**3
        own = (("content_type", "vision"), ("tenant_id", str(tenant.pk)))
        assert samples["tenant_storage_usage_gb", own] == gib
        assert samples["storage_bucket_usage_gb", (("content_type", "vision"),)] == gib
        assert samples["storage_bucket_usage_gb", (("content_type", "album"),)] == 0

    def test_a_refusal_is_counted_by_tenant_and_limit(self, limits, tenant):
        for size, content_type in ((101, "media"), (81, "media"), (61, "media"), (51, "crawl")):
            services.forecast(tenant=tenant, content_type=content_type, size_bytes=size)

        samples = scraped(page())

        counted = {
            dict(labels)["reason"]: value
            for (name, labels), value in samples.items()
            if name == "storage_quota_violations_total"
            and dict(labels)["tenant_id"] == str(tenant.pk)
        }
        assert counted == {"bucket_full": 1, "tenant_limit": 1, "type_limit": 2}

    def test_a_database_that_is_away_takes_only_its_own_figures_with_it(self, monkeypatch, caplog):
        class Away(Collector):
            def collect(self):
                raise OperationalError("secret host")

        monkeypatch.setattr(scrape, "_collectors", {Away: Away()})
        VIOLATIONS.labels("t", "bucket_full").inc()

        samples = scraped(page())

        assert samples["metrics_backend_up", (("target", "database"),)] == 0
        assert (
            "storage_quota_violations_total",
            (("reason", "bucket_full"), ("tenant_id", "t")),
        ) in samples
        assert "secret" not in caplog.text


@pytest.fixture
def token(settings):
    settings.METRICS = Metrics(token=SecretStr(TOKEN))
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.django_db
class TestWeb:
    def test_this_host_may_scrape_whatever_formats_it_asks_for(self, client):
        accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4"

        answer = client.get("/metrics", headers={"Accept": accept})

        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b"storage_bucket_usage_gb" in answer.content

    @pytest.mark.parametrize("address", ["10.0.0.1", "203.0.113.5", "", "::2"])
    def test_other_hosts_may_not(self, client, address):
        assert client.get("/metrics", REMOTE_ADDR=address).status_code == 401

    @pytest.mark.parametrize(
        "header", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"]
    )
    def test_nor_those_whom_a_proxy_on_this_host_speaks_for(self, client, header):
        assert client.get("/metrics", headers={header: "203.0.113.5"}).status_code == 401

    def test_an_operator_may_from_wherever_a_member_may_not(self, client):
        client.force_login(User.objects.create_user("bob"))
        assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 403

        client.force_login(User.objects.create_user("operator", is_staff=True))
        assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 200

    def test_with_a_token_the_token_decides(self, client, token):
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"Authorization": "Bearer x"}).status_code == 401
        assert client.get("/metrics", headers=token, REMOTE_ADDR="10.0.0.1").status_code == 200

    def test_requests_are_counted_by_view(self, client):
        client.get("/api/nothing")

        names = {name for name, _ in scraped(client.get("/metrics").content.decode())}

        assert "django_http_requests_latency_seconds_by_view_method_count" in names


@pytest.fixture
def serve(settings):
    running = []

    def start(**changes):
        settings.METRICS = Metrics(**({"port": _free_port()} | changes))
        running.append(server.start())
        return f"http://127.0.0.1:{settings.METRICS.port}"

    yield start
    for one in filter(None, running):
        one.shutdown()
        one.server_close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _get(url, **headers):
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own
    return urllib.request.urlopen(request, timeout=30)  # noqa: S310 - see above


@pytest.mark.django_db(transaction=True)
class TestWorkersServer:
    def test_it_serves_the_metrics_and_nothing_else(self, serve):
        address = serve()

        assert b"storage_bucket_usage_gb" in _get(f"{address}/metrics").read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _get(f"{address}/")

    def test_a_token_is_asked_for_where_there_is_one(self, serve):
        address = serve(token=SecretStr(TOKEN))

        with pytest.raises(urllib.error.HTTPError, match="401"):
            _get(f"{address}/metrics")
        assert _get(f"{address}/metrics", Authorization=f"Bearer {TOKEN}").status == 200

    def test_a_port_that_is_taken_is_a_warning(self, serve, caplog):
        address = serve()

        with caplog.at_level(logging.WARNING):
            serve(port=django_settings.METRICS.port)

        assert "METRICS_PORT: 127.0.0.1:" in caplog.text
        assert "serves no /metrics" in caplog.text
        assert _get(f"{address}/metrics").status == 200

    def test_a_port_that_becomes_free_is_taken_and_without_the_supervisor_it_ends(
        self, monkeypatch
    ):
        """Of a supervisor that was killed, the metrics keep the port for a moment."""
        started = []

        def start(*, warn=True):
            started.append(warn)
            return object() if len(started) == 3 else None

        parents = iter([7, 7, 7, 7, 7, 1])
        monkeypatch.setattr(server, "start", start)
        monkeypatch.setattr(server, "TRY_EVERY", 0)
        monkeypatch.setattr(server.os, "getppid", lambda: next(parents))

        server.serve_beside(7)

        assert started == [True, False, False]
        assert next(parents, None) is None

    def test_port_0_serves_nothing(self, serve):
        serve(port=0)

        assert server.start() is None
