"""
Whatever breaks under the workers: nothing is lost or doubled, and work goes on within seconds.

Real processes on a real PostgreSQL. Short forms of each fault; those marked `long` take minutes.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from django.db import connection, connections, transaction
from django_q.models import Success
from django_q.tasks import async_task

from events import outbox
from events.models import Delivery, DeliveryState
from telegram_assistant.embedded_postgres import server
from telegram_assistant.metrics import folder as metrics_folder
from tests.acceptance.probe.handlers import TABLE, Probe, register, unregister
from tests.acceptance.product import ROOT, Product, in_session, wait_until
from tests.processes import SetUpPython

pytestmark = pytest.mark.django_db(transaction=True)

GOES_ON, ENDS, SILENCE, STARVED = 20, 10, 5, 3
"""The promised seconds: after a kill, after SIGTERM, after a fault of PostgreSQL, beside a burst."""
PROBE = {
    "DJANGO_SETTINGS_MODULE": "tests.acceptance.probe.settings",
    "FEATURE_VISION_ENABLED": "false",
    "Q_WORKERS": "12",  # one for each queue: who is killed serves no other
}
PROCESSES = 16
"""Supervisor, a worker for each of nine queues, and django-q2's six."""
WORKERS = {
    f"worker {queue}"[:15]: f"worker {queue}"
    for queue in (
        "crawl",
        "default",
        "documents",
        "graph",
        "probe_outside",
        "probe_other",
        "search",
        "search_meaning",
        "tagging",
    )
}
"""Linux keeps 15 bytes of a process's name."""
RATE = 10
"""Probes a second while PostgreSQL is restarted."""
QUIET_START = 2.0
"""Seconds that a process of ours takes to start on a machine with nothing else to do."""


@pytest.fixture(scope="module")
def slack():
    """How many seconds longer a new interpreter takes to start now: others use the machine."""
    started = time.monotonic()
    subprocess.run([sys.executable, ROOT / "manage.py", "help"], capture_output=True, check=True)
    return max(0.0, time.monotonic() - started - QUIET_START)


@pytest.fixture(scope="module")
def var_dir(tmp_path_factory):
    """One for all clusters: their supervisors are forks of a process with these settings."""
    return tmp_path_factory.mktemp("chaos")


def set_up_once(var_dir):
    """The probe's variables, and those that workers find out or set while Django is set up."""
    return PROBE | {
        "LOG_FORMAT": "json",
        metrics_folder.VARIABLE: str(var_dir / "metrics" / "worker" / metrics_folder.host()),
    }


@pytest.fixture
def product(var_dir, settings):
    register()
    execute(TABLE)
    (var_dir / "qcluster.log").unlink(missing_ok=True)  # of the cluster before
    # Tasks are signed: the test enqueues some.
    extra = set_up_once(var_dir) | {"DJANGO_SECRET_KEY": settings.SECRET_KEY}
    product = Product(var_dir, extra=extra, set_up=True)
    yield product
    product.kill_workers()
    unregister()
    execute("DROP TABLE probe_handled")


@pytest.fixture
def cluster(product):
    """A product whose workers all work."""
    product.start_workers()
    publish("rows", "outside", "other")
    assert wait_until(idle, seconds=90), product.log
    assert wait_until(lambda: len(tree(product)) == PROCESSES, seconds=60), product.log
    return product


_numbers = iter(range(1, 10**9))


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def probe(to, **fields):
    number = next(_numbers)
    return Probe(tenant_id="t", idempotency_key=f"{to}:{number}", number=number, to=to, **fields)


def publish(*subscribers, backfill=False, **fields):
    """Publish one probe to each; returns their numbers."""
    probes = [probe(to, **fields) for to in subscribers]
    with transaction.atomic():
        outbox.publish_many(probes, backfill=backfill)
    return [one.number for one in probes]


def idle():
    return not Delivery.objects.filter(subscriber__startswith="probe.").exclude(state="done")


def handled(query="SELECT number FROM probe_handled"):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]


def seconds_until_handled(numbers, *, within):
    started = time.monotonic()
    wanted = set(numbers)
    assert wait_until(lambda: wanted <= set(handled()), seconds=within, step=0.05), (
        f"{len(wanted - set(handled()))} of {len(wanted)} not handled after {within:.0f} s"
    )
    return time.monotonic() - started


def tree(product):
    """The processes of a cluster by what they are, which is what `top` shows of them."""
    [supervisor] = product.workers
    found = {"supervisor": psutil.Process(supervisor.pid)}
    for process in in_session(supervisor.pid):
        with suppress(psutil.NoSuchProcess):
            title = process.name()
            if title.startswith("worker "):
                found[WORKERS[title]] = process
            elif title == "scheduler" and os.getpgid(process.pid) == process.pid:
                found["django-q2"] = process
                for sentinel in process.children():
                    found["sentinel"] = sentinel
                    # In the order in which django-q2 starts them.
                    own = sorted(sentinel.children(), key=lambda p: (p.create_time(), p.pid))
                    names = ("idle worker 1", "idle worker 2", "monitor", "pusher")
                    found |= dict(zip(names, own, strict=False))
    return found


def run_a_task(product, *, within):
    """Seconds until django-q2 has run a task."""
    started = time.monotonic()
    task = async_task("events.tasks.prune")
    done = Success.objects.filter(id=task)
    assert wait_until(done.exists, seconds=within, step=0.05), product.log
    return time.monotonic() - started


def end_backends():
    """End every connection to the database but the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class TestKills:
    @pytest.mark.long
    def test_whichever_single_process_is_killed_work_goes_on(self, cluster, slack, capsys):
        seconds = {}
        killed = [
            "pusher", "monitor", "worker default", "worker probe_outside", "idle worker 1",
            "idle worker 2", "sentinel", "django-q2", "supervisor",
        ]  # fmt: skip

        for name in killed:
            processes = tree(cluster)
            assert {*killed} <= {*processes}, f"before {name}: {sorted(processes)}"
            processes[name].kill()
            numbers = publish("rows", "outside", "other")
            seconds[name] = seconds_until_handled(numbers, within=GOES_ON + slack)
            if name != "supervisor":
                tasks = run_a_task(cluster, within=GOES_ON + slack)
                assert wait_until(lambda: len(tree(cluster)) == PROCESSES, seconds=60), cluster.log
                seconds[name] = max(seconds[name], tasks)
        ending = ended_by_sigterm(cluster)

        with capsys.disabled():
            figures = ", ".join(f"{name} {took:.1f}" for name, took in seconds.items())
            print(f"\n   seconds until work went on: {figures}; to the end {ending:.1f}")  # noqa: T201
        said = [line["event"] for line in cluster.log_lines]
        replaced = [line for line in said if line.endswith(": replaced")]
        assert len(replaced) == len(killed) - 1
        assert all("(pid " in line for line in replaced)

    def test_sigterm_ends_a_cluster_whose_inner_queue_is_frozen(self, cluster):
        """django-q2's own end never comes then: its workers wait for a lock that nobody has."""
        processes = tree(cluster)
        processes["supervisor"].kill()  # who would replace it
        for name in ("idle worker 1", "idle worker 2"):
            processes[name].kill()

        assert ended_by_sigterm(cluster) <= ENDS

    def test_a_supervisor_ends_with_exit_code_0_and_leaves_nobody_behind(self, cluster):
        publish("outside", work=60)  # cannot be finished in time
        assert wait_until(Delivery.objects.filter(state="leased").exists, seconds=10)
        [supervisor] = cluster.workers
        started = time.monotonic()

        supervisor.send_signal(signal.SIGTERM)

        assert supervisor.wait(ENDS) == 0
        assert time.monotonic() - started <= ENDS
        assert in_session(supervisor.pid) == []

    def test_orphans_end_when_another_supervisor_is_there(self, cluster, slack):
        [killed] = cluster.workers
        killed.kill()
        killed.wait()
        time.sleep(3)
        # Within seconds, since django-q2 may just be replacing one of its own.
        assert wait_until(lambda: len(in_session(killed.pid)) == PROCESSES - 1, seconds=5), (
            "orphans work on as long as nobody else is there"
        )

        cluster.start_workers()

        assert wait_until(lambda: in_session(killed.pid) == [], seconds=GOES_ON + 2 * slack)
        seconds_until_handled(publish("rows", "outside"), within=GOES_ON + 3 * slack)

    @pytest.mark.long
    def test_what_a_killed_worker_had_in_hand_goes_on_within_twenty_seconds(self, cluster, slack):
        [number] = publish("outside", work=3)
        assert wait_until(Delivery.objects.filter(state="leased").exists, seconds=10, step=0.01)

        tree(cluster)["worker probe_outside"].kill()

        seconds_until_handled([number], within=GOES_ON + 3 + slack)
        assert Delivery.objects.get(event__idempotency_key=f"outside:{number}").attempts == 2

    @pytest.mark.parametrize(
        ("kills", "every"),
        [
            pytest.param(4, 4.0, marks=pytest.mark.long),
            pytest.param(30, 5.0, marks=pytest.mark.long),
        ],
    )
    def test_a_worker_killed_over_and_over_loses_and_doubles_nothing(
        self, cluster, slack, kills, every
    ):
        chance, numbers, over = random.Random(), [], threading.Event()
        seed = chance.randrange(10**6)
        chance.seed(seed)

        def keep_publishing():
            while not over.wait(0.1):
                numbers.extend(publish("rows", "rows", "outside"))
            connections.close_all()

        publisher = threading.Thread(target=keep_publishing)
        publisher.start()
        for _ in range(kills):
            time.sleep(every)
            candidates = [p for name, p in tree(cluster).items() if name != "supervisor"]
            with suppress(psutil.NoSuchProcess):
                chance.choice(candidates).kill()
        over.set()
        publisher.join()

        seconds_until_handled(numbers, within=GOES_ON + 2 * slack)
        counts = Counter(handled("SELECT number FROM probe_handled WHERE subscriber = 'rows'"))
        assert set(counts.values()) == {1}, f"seed {seed}"
        assert not Delivery.objects.filter(state=DeliveryState.DEAD).exists(), f"seed {seed}"
        twice = Counter(handled("SELECT number FROM probe_handled WHERE subscriber = 'outside'"))
        # Delivered at least once: a killed worker repeats what it had not settled, of one batch.
        assert sum(twice.values()) - len(twice) <= 10 * kills, f"seed {seed}"


def ended_by_sigterm(product):
    """Send SIGTERM to what is left of a cluster, as its service manager does; seconds to the end."""
    [leader] = product.workers
    started = time.monotonic()
    for process in in_session(leader.pid):
        with suppress(psutil.NoSuchProcess):  # the one before took it along
            process.terminate()
    leader.poll()
    assert wait_until(lambda: not in_session(leader.pid), seconds=ENDS, step=0.05), product.log
    return time.monotonic() - started


class TestDatabase:
    def test_ended_connections_lose_and_double_nothing(self, cluster):
        numbers = []
        for _ in range(5):
            numbers += publish(*["rows", "outside", "other"] * 5)
            end_backends()
            time.sleep(0.5)

        numbers += publish("rows", "outside", "other")

        assert seconds_until_handled(numbers, within=SILENCE + 5) <= SILENCE + 5
        counts = Counter(handled("SELECT number FROM probe_handled WHERE subscriber <> 'outside'"))
        assert set(counts.values()) == {1}
        [supervisor] = cluster.workers
        assert "worker of" not in "".join(
            line for line in cluster.log.splitlines() if "replaced" in line
        ), "no worker process has to be replaced for that"
        assert supervisor.poll() is None

    def test_an_idle_transaction_holds_up_only_what_it_has_locked(self, cluster):
        opened, close = threading.Event(), threading.Event()

        def hold():
            with transaction.atomic():
                list(Delivery.objects.select_for_update()[:10])
                outbox.publish(probe("rows"))
                opened.set()
                close.wait(60)
            connections.close_all()

        thread = threading.Thread(target=hold)
        thread.start()
        opened.wait(10)
        try:
            numbers = publish(*["rows", "outside", "other"] * 10)
            assert seconds_until_handled(numbers, within=STARVED + 2)
        finally:
            close.set()
            thread.join()
        assert wait_until(idle, seconds=10)

    @pytest.mark.parametrize("burst", [3000, pytest.param(50_000, marks=pytest.mark.long)])
    def test_a_burst_in_one_queue_starves_no_other_and_what_is_new_goes_before_it(
        self, cluster, burst
    ):
        for _ in range(burst // 1000):
            publish(*["rows"] * 1000, backfill=True, work=0.002)
        other, own = [], []

        for _ in range(5):
            assert Delivery.objects.filter(backfill=True).exclude(state="done").count() > 200
            other.append(seconds_until_handled(publish("other", "outside"), within=STARVED))
            own.append(seconds_until_handled(publish("rows"), within=STARVED))

        assert max(other) <= STARVED
        assert max(own) <= STARVED


@pytest.fixture(scope="class")
def own_server(tmp_path_factory, django_db_setup, django_db_blocker):
    """An installation with a PostgreSQL of its own, which the test may stop."""
    var_dir = tmp_path_factory.mktemp("own")
    product = OwnProduct(var_dir, extra=set_up_once(var_dir), set_up=True)
    with django_db_blocker.unblock():
        fill(product)
    with product.session() as session:
        session.execute(TABLE)
    product.start_workers()
    yield product
    product.kill_workers()
    server.stop_postgres(var_dir / "postgres")


def fill(product):
    """Give it the tables of the tests' database: to copy them takes a tenth of migrating."""
    connection.close()
    if "EMBEDDED_DIR" not in connection.settings_dict:
        assert product.manage("migrate", "--verbosity", "0").returncode == 0
        return
    given = connection.get_connection_params()
    tools = Path(psutil.Process(postmaster()).exe()).parent
    source = [f"--host={given['host']}", "--username=postgres", given["dbname"]]
    dump = subprocess.run([tools / "pg_dump", *source], check=True, stdout=subprocess.PIPE)
    host = server.start_postgres(product.var_dir / "postgres", database="telegram_assistant")
    target = [f"--host={host}", "--username=postgres", "telegram_assistant"]
    quiet = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    subprocess.run(
        [tools / "psql", *quiet, *target], check=True, input=dump.stdout, stdout=subprocess.DEVNULL
    )


def postmaster():
    """The id of the tests' own server, which is the first line of its file."""
    file = Path(connection.settings_dict["EMBEDDED_DIR"], "postmaster.pid")
    return int(file.read_text().split()[0])


class OwnProduct(Product):
    @property
    def environment(self):
        given = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
        own = {"VAR_DIR": str(self.var_dir), "PYTHONPATH": str(ROOT), "METRICS_PORT": "0"}
        return given | own | self.extra

    @contextmanager
    def session(self):
        host = server.running_socket(self.var_dir / "postgres")
        with psycopg.connect(
            host=host, user="postgres", dbname="telegram_assistant", autocommit=True
        ) as session:
            yield session

    def value(self, query, *values):
        with self.session() as session:
            return session.execute(query, values).fetchone()[0]

    def handled(self, first, count):
        query = (
            "SELECT count(DISTINCT number) FROM probe_handled WHERE number >= %s AND number < %s"
        )
        with suppress(psycopg.OperationalError):
            return self.value(query, first, first + count)
        return 0


@pytest.fixture
def publisher(own_server):
    process = SetUpPython(
        "-m", "tests.acceptance.probe.publisher", text=True,
        env=own_server.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"

    def ask(*words):
        process.stdin.write(" ".join(map(str, words)) + "\n")
        process.stdin.flush()

    process.ask = ask
    process.answer = lambda: process.stdout.readline().strip()
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


class TestOwnServer:
    @pytest.mark.parametrize("restarts", [1, pytest.param(6, marks=pytest.mark.long)])
    def test_postgresql_restarted_under_load_loses_and_doubles_nothing(
        self, own_server, publisher, slack, restarts
    ):
        first, probes = 1000 * restarts, RATE * (8 * restarts + 4)
        publisher.ask("rows", first, probes, RATE)
        assert wait_until(lambda: own_server.handled(first, 2 * RATE) == 2 * RATE, seconds=60)

        down = [restart(own_server) for _ in range(restarts)]

        assert publisher.answer() == f"published {probes}"
        assert wait_until(
            lambda: own_server.handled(first, probes) == probes, seconds=SILENCE + slack
        )
        count = "SELECT count(*) FROM probe_handled WHERE number >= %s AND number < %s"
        assert own_server.value(count, first, first + probes) == probes
        silence = own_server.value(
            "SELECT extract(epoch FROM max(at - before))::float FROM (SELECT at, lag(at) OVER"
            " (ORDER BY at) AS before FROM probe_handled WHERE number >= %s AND number < %s) AS all_of",
            first, first + probes,
        )  # fmt: skip
        # PostgreSQL itself was away for a part of that.
        assert silence - max(down) <= SILENCE + slack, f"{silence:.1f} s of silence, down {down}"

    def test_with_the_pool_exhausted_a_publisher_knows_what_was_committed(
        self, own_server, publisher, slack
    ):
        publisher.ask("rows", 100_000, 1, 0)
        assert publisher.answer() == "published 1"
        assert wait_until(lambda: own_server.handled(100_000, 1) == 1, seconds=60)
        taken = []

        with own_server.session() as session:
            take_all_connections(own_server, taken)
            # The workers' places go as well: whoever closes a connection gets no other.
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'telegram_assistant%%'"
            )
            take_all_connections(own_server, taken)
            publisher.ask("rows", 100_001, 20, 0)
            answer = publisher.answer()
            written = session.execute(
                "SELECT count(*) FROM events_outboxevent WHERE (payload->>'number')::int > 100000"
            ).fetchone()[0]
            time.sleep(3)
        for one in taken:
            one.close()

        assert (answer, written) == ("published 20", 20)
        assert wait_until(lambda: own_server.handled(100_001, 20) == 20, seconds=SILENCE + slack), (
            own_server.log
        )


def restart(product):
    """Have PostgreSQL restarted by whoever connects first; returns for how long it was away."""
    data_dir = product.var_dir / "postgres"
    time.sleep(2)
    started = time.monotonic()
    server.stop_postgres(data_dir)
    assert wait_until(lambda: server.running_socket(data_dir), seconds=30, step=0.02)
    down = time.monotonic() - started
    time.sleep(3)
    return down


def take_all_connections(product, taken):
    """Open connections until PostgreSQL takes no more."""
    host = server.running_socket(product.var_dir / "postgres")
    with suppress(psycopg.OperationalError):
        while True:
            taken.append(psycopg.connect(host=host, user="postgres", dbname="postgres"))
