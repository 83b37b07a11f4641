"""What is counted, by whichever process, is told once, exactly, and to the right ones."""

import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import psutil
import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from pydantic import SecretStr

from accounts.models import User
from events.logs import trace
from events.metrics import exemplars, scrape, series
from storage_quota import services
from storage_quota.metrics import CHECK_SECONDS, EVICTION_OUTCOMES, VIOLATIONS
from storage_quota.object_store.metrics import OPERATIONS
from telegram_assistant.config import Metrics
from telegram_assistant.metrics import exposition, files, folder, server
from tests import factories as make
from tests.acceptance.product import wait_until
from tests.counted import CONTRACT, WHILE_IT_LASTS, samples_of
from tests.storage_fixtures import key

TOKEN = "0123456789abcdef"
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
"""What Prometheus 2.42 accepts."""


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

    def test_a_dead_process_that_nobody_collected_is_dead(self, tmp_path, of):
        with subprocess.Popen(["true"]) as process:
            of(process.pid, 3)
            assert wait_until(
                lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, seconds=10
            )

            assert told(tmp_path) == {"x_total": 3}
            assert not (tmp_path / f"counter_{process.pid}.db").exists()

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

    def test_forks_count_apart_and_what_a_killed_one_counted_stays(self, tmp_path):
        """As the workers of `qcluster`: one counts on, one is killed with -9 in the middle."""
        code = """
import os, signal, sys, time
from prometheus_client import Counter, Gauge, Histogram
x, h = Counter("x", "Help", ["a"]), Histogram("h", "Help", buckets=(1, 2))
g = Gauge("g", "Help", multiprocess_mode="sum")
x.labels("parent").inc(); h.observe(1.5)
for number in range(2):
    if os.fork() == 0:
        x.labels("child").inc(10); h.observe(0.5); g.inc(2)
        os.kill(os.getpid(), signal.SIGKILL) if number else os._exit(0)
    os.wait()
x.labels("parent").inc()
"""
        subprocess.run(
            [sys.executable, "-c", code], env={folder.VARIABLE: str(tmp_path)}, check=True
        )
        with files.settled(tmp_path) as paths:
            families = exposition.MultiProcessCollector.merge(paths)
        found = {
            (s.name, *s.labels.values()): s.value for family in families for s in family.samples
        }

        assert found["x_total", "parent"] == 2
        assert found["x_total", "child"] == 20
        assert found["h_count",] == 3
        assert found["h_bucket", "1.0"] == 2
        assert found["g",] == 4

    def test_web_and_workers_count_apart(self, tmp_path, monkeypatch):
        monkeypatch.setenv(folder.VARIABLE, "inherited")
        assert folder.prepare(tmp_path) == tmp_path / "metrics" / "worker" / folder.host()
        monkeypatch.setattr(folder, "role", "web")

        own = tmp_path / "metrics" / "web" / folder.host()
        assert folder.prepare(tmp_path) == own
        assert os.environ[folder.VARIABLE] == str(own)

    def test_a_folder_that_cannot_be_used_is_named_with_its_setting(self, tmp_path):
        """It is the first thing that each process writes; there was a traceback."""
        (tmp_path / "metrics").write_text("a file")

        with pytest.raises(ImproperlyConfigured, match=r"VAR_DIR: .*metrics.* cannot be written"):
            folder.prepare(tmp_path)


@pytest.mark.django_db
class TestExposition:
    def test_fact_113_every_series_of_the_contract_is_there_before_its_first_use(
        self, tenant, unused_folder
    ):
        shown: dict[str, set[str]] = {}
        for name, labels in scraped(page()):
            shown.setdefault(name, set()).update(label for label, _ in labels)

        for name in CONTRACT.keys() - WHILE_IT_LASTS:
            for sample in samples_of(name):
                assert shown[sample] - {"le"} == CONTRACT[name], sample
        labels = {label for names in shown.values() for label in names}
        assert not labels & series.NEVER

    def test_fact_113_no_family_and_no_sample_comes_twice(self, tenant):
        for count in ("media", "json"):
            OPERATIONS.labels("put", "success", count).inc()
        families = list(text_string_to_metric_families(page()))
        names = [family.name for family in families]
        samples = [
            (sample.name, *sorted(sample.labels.items()))
            for family in families
            for sample in family.samples
        ]

        assert len(names) == len(set(names))
        assert len(samples) == len(set(samples))

    def test_what_is_declared_has_the_names_and_labels_of_the_contract(self):
        declared = {one.name: set(one.label_names) for one in series.declared()}

        assert {name: declared.get(name) for name in CONTRACT} == CONTRACT

    def test_all_series_of_an_installation_are_not_too_many(self, tenant, unused_folder):
        """A tenant adds some dozens; whatever else there is does not grow."""
        alone = len(scraped(page()))
        make.tenant()
        with_another = len(scraped(page()))

        assert alone < 1500
        assert with_another - alone < 60

    def test_many_tenants_have_no_zeros(self, monkeypatch, unused_folder, tenant):
        monkeypatch.setattr(scrape, "MANY_TENANTS", 1)
        assert 'storage_quota_violations_total{reason="bucket_full",tenant_id=' in page()
        make.tenant()

        assert "storage_quota_violations_total{" not in page()

    def test_the_first_count_continues_from_the_zero(self, unused_folder, tenant):
        name = "lru_eviction_operations_total"
        labels = (("content_type", "album"), ("reason", "left"))
        before = scraped(page())
        EVICTION_OUTCOMES.labels("album", "left").inc()

        assert before[name, labels] == 0
        assert {key for key in scraped(page()) if key[0] == name} == {
            key for key in before if key[0] == name
        }

    @pytest.mark.costly
    def test_figures_answer_again_for_some_seconds(self, monkeypatch, django_assert_num_queries):
        page()
        with django_assert_num_queries(0):
            exposition.page()
        monkeypatch.setattr(scrape, "KEPT", -1)

        with pytest.raises(pytest.fail.Exception), django_assert_num_queries(0):
            exposition.page()

    @pytest.mark.costly
    def test_promtool_finds_nothing_to_say(self, tenant):
        tool = shutil.which("promtool")
        if tool is None:
            pytest.skip("promtool is not installed: apt-get install prometheus")
        done = subprocess.run(
            [tool, "check", "metrics"], input=page(), text=True, capture_output=True, check=False
        )

        # It dislikes names, of which the contract has many; it refuses what it cannot read.
        assert done.returncode != 1, done.stderr
        assert not [line for line in done.stderr.splitlines() if "no help text" in line]

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

    @pytest.mark.costly
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


def test_one_scrape_at_a_time_waits_for_a_database_that_hangs(monkeypatch):
    """Else every scrape would take another thread of the web server, and soon the last."""
    entered, leave = threading.Event(), threading.Event()
    monkeypatch.setattr(scrape, "STATEMENT_SECONDS", 0.01)
    monkeypatch.setattr(scrape, "_last", None)
    monkeypatch.setattr(
        scrape, "_ask", lambda: entered.set() or leave.wait(10) or scrape.Figures(is_up=True)
    )
    hanging = threading.Thread(target=scrape.read)
    hanging.start()
    entered.wait(10)
    try:
        samples = scraped(exposition.page()[0].decode())
    finally:
        leave.set()
        hanging.join()

    assert samples["metrics_backend_up", (("target", "database"),)] == 0
    assert "media_bytes_total" in {name for name, _ in samples}


@pytest.fixture
def unused_folder(tmp_path, monkeypatch):
    """A folder in which nobody has counted anything yet; this process counts on in its own."""
    monkeypatch.setenv(folder.VARIABLE, str(tmp_path))


class TestDeclaring:
    @pytest.fixture(autouse=True)
    def _nothing_else_is_declared(self, monkeypatch):
        monkeypatch.setattr(series, "_declared", {})

    @pytest.mark.parametrize("label", ["post_id", "channel_username", "sha256"])
    def test_a_label_without_bound_is_refused(self, label):
        with pytest.raises(ValueError, match=f"{label} would have no bound"):
            series.measured("x_size", "Help", label)

    def test_one_name_twice_is_refused(self):
        series.measured("x_size", "Help")

        with pytest.raises(ValueError, match="declared twice"):
            series.measured("x_size", "Help")

    def test_a_counter_has_the_name_that_prometheus_will_show(self):
        with pytest.raises(ValueError, match="must end with _total"):
            series.counter("x_errors", "Help")

    def test_groups_of_labels_have_the_same_names(self):
        with pytest.raises(ValueError, match="different names"):
            series.counter("x_total", "Help", {"a": ("1",)}, {"b": ("1",)})


@pytest.mark.django_db
class TestExemplars:
    """prometheus_client keeps none where several processes count: these are ours."""

    @pytest.mark.costly
    def test_the_trace_id_of_a_slow_piece_of_work_is_at_its_bucket(self, monkeypatch):
        monkeypatch.setattr(exemplars, "EVERY", 0)
        with trace.use("import-1:7"):
            CHECK_SECONDS.observe(0.7)
        CHECK_SECONDS.observe(0.8)  # outside of any work: leaves the exemplar alone

        found = _exemplars(page(PROMETHEUS))

        assert found["storage_quota_check_duration_seconds_bucket", "1.0"] == ("import-1:7", 0.7)
        assert "# {" not in page(), "the old format has no place for them"

    @pytest.mark.costly
    @pytest.mark.parametrize("length", [1, 100, 101, 128])
    def test_no_trace_id_makes_the_page_unreadable(self, length, monkeypatch):
        monkeypatch.setattr(exemplars, "EVERY", 0)
        with trace.use("x" * length):
            CHECK_SECONDS.observe(20)

        found = _exemplars(page(PROMETHEUS))

        kept = found.get(("storage_quota_check_duration_seconds_bucket", "30.0"), ("", 0))[0]
        assert (kept == "x" * length) is (length <= 100)

    def test_the_newest_of_several_processes_counts_and_a_torn_file_nothing(self, tmp_path):
        key = exemplars._key("x_seconds", {}, "1.0")
        for pid, at in ((1, 5.0), (2, 9.0), (3, 7.0)):
            tmp_path.joinpath(f"exemplars_{pid}.json").write_text(
                json.dumps({key: (f"trace-{pid}", 0.5, at)})
            )
        tmp_path.joinpath("exemplars_4.json").write_text('{"x')
        family = Metric("x_seconds", "Help", "histogram")
        family.add_sample("x_seconds_bucket", {"le": "1.0"}, 3)

        exemplars.attach([family], tmp_path)

        assert family.samples[0].exemplar.labels == {"trace_id": "trace-2"}

    def test_time_never_goes_back_when_a_process_ends(self, tmp_path, dead_pid):
        """Prometheus refuses an exemplar that is older than the last one of the bucket."""
        older, newer = ["old", 0.5, 5.0], ["new", 0.5, 9.0]
        tmp_path.joinpath(f"exemplars_{dead_pid}.json").write_text(json.dumps({"bucket": newer}))
        tmp_path.joinpath(f"exemplars_{dead_pid}.draft").write_text("{")
        tmp_path.joinpath(f"exemplars_{os.getpid()}.json").write_text(json.dumps({"bucket": older}))

        for _ in range(2):
            told(tmp_path)

            assert exemplars._read(tmp_path) == {"bucket": tuple(newer)}
        assert {path.name for path in tmp_path.glob("exemplars_*")} == {
            "exemplars_dead.json",
            f"exemplars_{os.getpid()}.json",
        }


def _exemplars(text: str) -> dict[tuple[str, str], tuple[str, float]]:
    return {
        (sample.name, sample.labels["le"]): (
            sample.exemplar.labels["trace_id"],
            sample.exemplar.value,
        )
        for family in openmetrics.text_string_to_metric_families(text)
        for sample in family.samples
        if sample.exemplar
    }


class TestHosts:
    """Two containers on one VAR_DIR: the same process ids, and neither sees the other's."""

    def test_neither_buries_the_counts_of_the_other(self, tmp_path, monkeypatch, dead_pid):
        folders = []
        for name in ("web-1", "web-2"):
            monkeypatch.setattr(folder.socket, "gethostname", lambda name=name: name)
            folders.append(folder.prepare(tmp_path))
            file = MmapedDict(str(folders[-1] / f"counter_{dead_pid}.db"))
            file.write_value(mmap_key("x", "x_total", [], [], "Help"), 3.0, 0.0)
            file.close()
        assert folders[0] != folders[1]

        assert told(folders[0]) == {"x_total": 3}  # `dead_pid` may live in the other container
        assert (folders[1] / f"counter_{dead_pid}.db").exists()

    def test_a_host_name_cannot_leave_the_folder(self, monkeypatch):
        monkeypatch.setattr(folder.socket, "gethostname", lambda: "../../etc")

        assert "/" not in folder.host()
        assert not folder.host().startswith(".")

    @pytest.mark.parametrize(
        ("days", "is_used", "remains"), [(0, False, True), (2, False, False), (2, True, True)]
    )
    def test_the_folder_of_a_container_that_is_gone_goes_after_a_day(
        self, tmp_path, days, is_used, remains
    ):
        own, other = tmp_path / "own", tmp_path / "other"
        for one in (own, other):
            one.mkdir()
        at = time.time() - days * 86_400
        for name in (folder._SIGN, "counter_1.db"):
            other.joinpath(name).touch()
            os.utime(other / name, (at, at))
        with (other / folder._SIGN).open("a") as sign:
            if is_used:
                fcntl.flock(sign, fcntl.LOCK_SH)
            folder.remove_abandoned(own)

        assert own.exists()
        assert other.exists() is remains

    def test_a_fork_keeps_the_folder_in_use_when_its_parent_has_ended(self, tmp_path):
        code = (
            "import os, pathlib, sys, time; from telegram_assistant.metrics import folder;"
            "folder.prepare(pathlib.Path(sys.argv[1]));"
            "os.fork() and os._exit(0); print(os.getpid(), flush=True); time.sleep(60)"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        with process.stdout:
            fork = int(process.stdout.readline())
        process.wait()
        [used] = (tmp_path / "metrics" / "worker").iterdir()
        for path in used.iterdir():
            os.utime(path, (0, 0))
        try:
            assert not folder._is_abandoned(used)
        finally:
            os.kill(fork, signal.SIGKILL)
        assert wait_until(lambda: folder._is_abandoned(used), seconds=10)


@pytest.fixture
def token(settings):
    settings.METRICS = Metrics(token=SecretStr(TOKEN))
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.django_db
class TestWeb:
    @pytest.mark.parametrize(
        ("accept", "answered"),
        [
            (PROMETHEUS, "application/openmetrics-text; version=1.0.0"),
            ("application/x-unknown", "text/plain; version=0.0.4"),
            ("", "text/plain; version=0.0.4"),
            ("text/html", "text/plain; version=0.0.4"),
        ],
    )
    def test_this_host_may_scrape_whatever_formats_it_asks_for(self, client, accept, answered):
        answer = client.get("/metrics", headers={"Accept": accept})

        assert answer.status_code == 200
        assert answer["Content-Type"].startswith(answered)
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

        client.force_login(User.objects.create_superuser("operator"))
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
