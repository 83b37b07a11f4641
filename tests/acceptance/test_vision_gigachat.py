"""GigaChat's stub before real workers that are killed: every picture seen, none paid for in vain."""

import io
import os
import random
import signal
import subprocess
import time
import uuid
from base64 import b64encode
from collections import Counter
from functools import cache

import psutil
import pytest
from django.db import connection
from django.db.models import Count
from PIL import Image, ImageDraw

from events.models import Delivery
from events.postgresql.advisory_locks import key_of
from events.workers import liveness
from tests.acceptance.product import Product, wait_until
from tests.concurrency import end_all_backends
from tests.factories import Archive
from tests.gigachat_stub import CLIENT_ID, CLIENT_SECRET, Behavior, Stub
from tests.processes import Python
from vision import tasks
from vision.models import PaidAnalysis, PostEnrichment, TokenBudget

pytestmark = pytest.mark.django_db(transaction=True)

POSTS, PICTURES, KILLS, WORKERS, PLACES = 500, 200, 30, 3, 6


@pytest.fixture
def stub():
    # It takes more than is allowed, so that a test sees how many came.
    with Stub(behavior=Behavior(latency=0.1, parallel=3 * PLACES)) as stub:
        yield stub


@pytest.fixture
def environment(stub, tmp_path, settings, monkeypatch):
    """What a worker finds in its environment; this process publishes as if it were one."""
    settings.OBJECTS_DIR = tmp_path / "objects"
    return Product(tmp_path).environment | {
        "DJANGO_SETTINGS_MODULE": "telegram_assistant.settings",
        "LOG_LEVEL": "ERROR",
        "GIGACHAT_CREDENTIALS": b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode(),
        "GIGACHAT_SCOPE": "GIGACHAT_API_CORP",
        "GIGACHAT_BASE_URL": stub.base_url,
        "GIGACHAT_AUTH_URL": stub.auth_url,
        "GIGACHAT_MAX_CONCURRENT_REQUESTS": str(PLACES),
        "VISION_MAX_DAILY_TOKENS": "100000000",
    }


@pytest.fixture
def start(environment):
    """Starts a worker that has all it needs; those that still run are killed at the end."""
    started = []

    @cache
    def parent():
        return Python(
            "-m", "tests.acceptance.looker", env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip

    def _():
        parent().stdin.write(b"\n")
        started.append(psutil.Process(int(parent().stdout.readline())))
        return started[-1]

    yield _
    for worker in started:
        if worker.is_running():
            kill(worker)
    parent().communicate()


def kill(worker: psutil.Process) -> None:
    """With all that it started."""
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def photo(seed: int) -> bytes:
    """Small, and like no other: the hash must not take one for a copy of another."""
    noise = Image.frombytes("RGB", (24, 24), random.Random(seed).randbytes(24 * 24 * 3))
    body = io.BytesIO()
    noise.resize((96, 96), Image.Resampling.NEAREST).save(body, "JPEG", quality=90)
    return body.getvalue()


def fill(archive: Archive, posts: int, pictures: int) -> None:
    bodies = [photo(seed) for seed in range(pictures)]
    order = random.Random(7).choices(bodies, k=posts - pictures) + bodies
    random.Random(8).shuffle(order)
    for body in order:
        archive.post(body)


def all_seen(posts: int = POSTS) -> bool:
    return PostEnrichment.objects.filter(vision_provider="gigachat").count() == posts


def claimed(**only: object) -> dict[uuid.UUID, tuple[uuid.UUID, str]]:
    """Calls in progress, or about to be: id of the claim → worker and picture."""
    rows = PaidAnalysis.objects.filter(state="claimed", **only)
    return {claim: (by, sha) for claim, by, sha in rows.values_list(
        "claim_id", "claimed_by", "sha256"
    )}  # fmt: skip


def alive(workers: set[uuid.UUID]) -> set[uuid.UUID]:
    by_key = {key_of(f"worker:{worker}"): worker for worker in workers}
    with connection.cursor() as cursor:
        cursor.execute(liveness._HELD, [list(by_key)])
        return {by_key[key] for (key,) in cursor.fetchall()}


class Killer:
    """Kills one worker after the other, in mid-call; notes which calls it had in progress."""

    def __init__(self, start, *, mid_call: bool) -> None:
        self.start, self.mid_call = start, mid_call
        self.workers = [start() for _ in range(WORKERS)]
        self.chance = random.Random(1)
        self.lost: dict[uuid.UUID, str] = {}

    def kill_one(self, *, pause: tuple[float, float]) -> None:
        if self.mid_call:
            assert wait_until(lambda: len(claimed()) >= WORKERS, seconds=60, step=0.02)
        time.sleep(self.chance.uniform(*pause))
        victim = self.chance.randrange(WORKERS)
        kill(self.workers[victim])
        self._note_lost()
        self.workers[victim] = self.start()

    def _note_lost(self) -> None:
        """What has no living worker was in the hands of the killed one, or of one before it."""
        time.sleep(0.05)  # PostgreSQL notices
        rows = claimed(asked_at__isnull=False)
        living = alive({worker for worker, _ in rows.values()})
        self.lost |= {claim: sha for claim, (by, sha) in rows.items() if by not in living}


@pytest.mark.parametrize(
    ("kills", "places", "latency", "pause"),
    [
        (5, PLACES, 0.1, (0.05, 0.4)),
        pytest.param(10, PLACES, 0.1, (0.05, 0.4), marks=pytest.mark.long),
        pytest.param(KILLS, PLACES, 0.1, (0.05, 0.4), marks=pytest.mark.long),
        pytest.param(KILLS, 1, 0.1, (0.05, 0.4), marks=pytest.mark.long),
        pytest.param(KILLS, PLACES, 1.0, (0.0, 0.9), marks=pytest.mark.long),
    ],
)
def test_killed_workers_lose_no_picture_and_the_books_agree(
    archive, start, stub, environment, capsys, kills, places, latency, pause
):
    """
    A kill costs at most the calls in progress, each once. A worker also has claims that wait for a
    place: they are lost with it, and cost neither a call nor a token.
    """
    environment["GIGACHAT_MAX_CONCURRENT_REQUESTS"] = str(places)
    stub.state.behavior.latency = latency
    posts, pictures = POSTS * kills // KILLS, PICTURES * kills // KILLS
    fill(archive, posts, pictures)
    killer = Killer(start, mid_call=latency >= 1)

    for _ in range(kills):
        killer.kill_one(pause=pause)
    done = wait_until(lambda: all_seen(posts), seconds=240, step=1)

    told, analyses = stub.stats(), PaidAnalysis.objects.all()
    assert done, f"{PostEnrichment.objects.count()} of {posts}"
    assert wait_until(
        lambda: tasks.retry_backlog() and not analyses.filter(state="claimed"), seconds=30
    )
    day = TokenBudget.objects.get()
    assert set(analyses.values_list("state", flat=True)) == {"done"}
    assert analyses.count() == told["pictures_seen"] == pictures
    assert told["max_in_flight"] <= places
    assert told["seen_again"] <= len(killer.lost) <= kills * places
    assert sum(analyses.values_list("calls", flat=True)) <= pictures + len(killer.lost)
    again = Counter(killer.lost.values())
    calls = dict(analyses.values_list("sha256", "calls"))
    assert {sha: n for sha, n in calls.items() if n > 1 + again[sha]} == {}
    assert max(stub.state.pictures().values()) <= 1 + max(again.values(), default=0)
    assert not Delivery.objects.filter(state="dead").exists()
    settled = sum(analyses.values_list("total_tokens", flat=True))
    assert day.used_tokens - day.lost_tokens == settled
    assert settled <= told["tokens"]["total_tokens"] <= day.used_tokens
    assert day.reserved_tokens == 0
    paid = PostEnrichment.objects.values_list("vision_tokens_used", flat=True)
    assert sum(paid) == settled
    with capsys.disabled():
        print(  # noqa: T201 - the figures of `make long`
            f" {kills} kills: {len(killer.lost)} calls lost, {told['seen_again']} answered again"
        )


@pytest.mark.costly
def test_when_all_connections_break_no_more_calls_are_made_at_once_and_none_twice(
    archive, start, stub, environment
):
    """As after a restart of PostgreSQL, again and again while calls are in progress."""
    places, pictures = 2, 14
    environment["GIGACHAT_MAX_CONCURRENT_REQUESTS"] = str(places)
    stub.state.behavior.latency = 0.5
    fill(archive, pictures, pictures)
    for _ in range(WORKERS + 1):
        start()

    for answers in (0, 3, 6):
        assert wait_until(
            lambda least=answers: (
                stub.stats()["in_flight"] > 0 and stub.stats()["answers"] >= least
            ),
            seconds=60,
            step=0.02,
        )
        end_all_backends()
    seen = PostEnrichment.objects.filter(vision_provider="gigachat")
    done = wait_until(lambda: seen.count() == pictures, seconds=90, step=0.5)

    told = stub.stats()
    assert done, f"{seen.count()} of {pictures}"
    assert told["max_in_flight"] <= places
    assert (told["answers"], told["seen_again"]) == (pictures, 0)


def scene(seed: int, *, width: int = 320, quality: int = 90) -> bytes:
    """Shapes and shades, as photographs have them: what survives a re-encoding."""
    chance = random.Random(seed)
    image = Image.new("RGB", (320, 240), tuple(chance.choices(range(256), k=3)))
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y, size = chance.randrange(320), chance.randrange(240), chance.randrange(20, 140)
        draw.ellipse((x, y, x + size, y + size), fill=tuple(chance.choices(range(256), k=3)))
    if width != image.width:
        image = image.resize((width, width * 3 // 4), Image.Resampling.LANCZOS)
    body = io.BytesIO()
    image.save(body, "JPEG", quality=quality)
    return body.getvalue()


def copies(seed: int) -> list[bytes]:
    """A picture, and of every third one what forwarding and saving again make of it."""
    if seed % 3:
        return [scene(seed)]
    return [scene(seed), scene(seed, quality=70), scene(seed, width=240, quality=80)]


@pytest.mark.long
def test_five_hundred_posts_with_two_hundred_pictures_are_two_hundred_calls(archive, start, stub):
    """Many of the posts show the same file, as forwarded ones do, some a re-encoded copy."""
    chance = random.Random(7)
    bodies = [body for seed in range(PICTURES) for body in copies(seed)]
    order = bodies + chance.choices(bodies, k=POSTS - len(bodies))
    chance.shuffle(order)
    for body in order:
        archive.post(body)
    for _ in range(WORKERS):
        start()

    done = wait_until(all_seen, seconds=180, step=1)

    told, day = stub.stats(), TokenBudget.objects.get()
    assert done, f"{PostEnrichment.objects.count()} of {POSTS}"
    assert told["answers"] == PICTURES
    assert PaidAnalysis.objects.filter(is_reused=False).count() == PICTURES
    assert PaidAnalysis.objects.count() == len(bodies)
    assert (day.used_tokens, day.reserved_tokens) == (told["tokens"]["total_tokens"], 0)
    assert told["files"] == 0
    assert told["max_in_flight"] <= PLACES


def test_with_one_place_three_workers_never_call_twice_at_a_time(archive, start, stub, environment):
    environment["GIGACHAT_MAX_CONCURRENT_REQUESTS"] = "1"
    fill(archive, 12, 12)
    for _ in range(WORKERS):
        start()

    seen = PostEnrichment.objects.filter(vision_provider="gigachat")
    done = wait_until(lambda: seen.count() == 12, seconds=60, step=0.5)

    assert done, f"{seen.count()} of 12"
    assert stub.stats()["max_in_flight"] == 1


LIMIT = 30_000
CHEAP, DEAR = (
    {"prompt_tokens": tokens - 100, "completion_tokens": 100, "total_tokens": tokens}
    for tokens in (500, 3000)
)


def wait_until_settled() -> bool:
    """Wait until each picture has an analysis, or waits for tokens."""
    undecided = PaidAnalysis.objects.exclude(state__in=("done", "waiting"))
    decided = PaidAnalysis.objects.filter(state__in=("done", "waiting"))

    def settled() -> bool:
        return decided.count() == 60 and not undecided.exists()

    return wait_until(settled, seconds=90, step=0.5)


@pytest.mark.long  # tests/integration/test_vision_ceiling.py changes prices in every run
def test_a_price_that_rises_sixfold_during_the_day_does_not_pass_the_limit(
    archive, start, stub, environment
):
    """Two processes with ten places: 20 pictures at 500 tokens, then 40 at 3 000."""
    environment |= {
        "GIGACHAT_SCOPE": "GIGACHAT_API_B2B", "GIGACHAT_MAX_CONCURRENT_REQUESTS": "",
        "VISION_MAX_DAILY_TOKENS": str(LIMIT),
    }  # fmt: skip
    stub.state.behavior.latency = 0.2
    stub.faults.plan([
        {"kind": "answer", "usage": CHEAP, "count": 20}, {"kind": "answer", "usage": DEAR},
    ])  # fmt: skip
    fill(archive, 60, 60)
    for _ in range(2):
        start()

    assert wait_until_settled(), [
        *PaidAnalysis.objects.values_list("state", "wait_reason").annotate(Count("pk")),
        *TokenBudget.objects.values(),
        *Delivery.objects.values_list("state", "error_details").annotate(Count("pk")),
    ]

    told, day = stub.stats(), TokenBudget.objects.get()
    assert told["tokens"]["total_tokens"] == day.used_tokens
    assert 26_000 < day.used_tokens <= LIMIT
    assert (day.overrun_calls, day.reserved_tokens, day.reserved_calls) == (0, 0, 0)
    assert told["answers"] == 26  # 20 of 500 and 6 of 3 000; less than a ceiling is left


@pytest.mark.costly
def test_an_answer_is_kept_by_a_worker_that_is_killed_while_it_deletes_the_upload(
    archive, start, stub
):
    stub.faults.plan([{"kind": "timeout", "endpoint": "delete", "seconds": 5, "count": 1}])
    fill(archive, 1, 1)
    worker = start()

    assert wait_until(lambda: stub.stats()["answers"] == 1, seconds=30, step=0.02)
    time.sleep(0.5)
    assert stub.stats()["calls"].get("delete", 0) == 0  # it is at it
    kill(worker)
    state = PaidAnalysis.objects.get().state
    start()
    done = wait_until(
        lambda: PostEnrichment.objects.count() == 1,
        seconds=30,
        step=0.5,
    )

    assert state == "done"
    assert done
    assert stub.stats()["answers"] == 1
