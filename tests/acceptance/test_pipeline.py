"""The sample channel through the real thing: real workers, real Tesseract, real PostgreSQL."""

import json
from dataclasses import dataclass
from difflib import SequenceMatcher
from subprocess import CompletedProcess

import pytest
from django.core.management import call_command
from django_q.models import Schedule

from albums.models import MediaGroup
from events.models import OPEN_STATES, Delivery, DeliveryState, OutboxEvent
from media.models import MediaObject, Post
from telegram_assistant import schedules
from tests.acceptance.product import SAMPLE, Product, wait_until
from vision.models import PostEnrichment

pytestmark = pytest.mark.django_db(transaction=True)
TRUTH = json.loads((SAMPLE.parent / "expected.json").read_text())


@pytest.fixture
def product(tmp_path):
    schedules.install()
    product = Product(tmp_path)
    yield product
    product.kill_workers()


def idle() -> bool:
    return not Delivery.objects.filter(state__in=OPEN_STATES).exists()


def check_everything() -> None:
    """What the sample channel must come to, whatever happened on the way."""
    counts = TRUTH["counts"]
    assert Post.objects.count() == counts["messages"] - counts["service_messages"]
    assert not Delivery.objects.filter(state=DeliveryState.DEAD).exists()
    with_files = Post.objects.filter(media_state="stored").count()
    assert PostEnrichment.objects.filter(kind="vision").count() == with_files
    albums = {
        group.grouped_id: (group.album_kind, group.items_count, group.status)
        for group in MediaGroup.objects.all()
    }
    assert albums == {-20: ("photo", 4, "complete"), -52: ("mixed", 3, "partial")}
    for topic in ("posts.parsed", "posts.vision.uploaded", "posts.vision.analyzed"):
        keys = OutboxEvent.objects.filter(topic=topic).values_list("payload__post_id", flat=True)
        assert len(keys) == len(set(keys)), f"{topic} was told twice of one post"
    assert OutboxEvent.objects.filter(topic="album.assembled").count() == 2


def texts_read() -> dict[int, str]:
    rows = PostEnrichment.objects.filter(kind="vision").values_list(
        "post__telegram_message_id", "vision_ocr_text"
    )
    return dict(rows)


def similarity(one: str, other: str) -> float:
    squeeze = [" ".join(t.split()).lower().replace("ё", "е") for t in (one, other)]
    return SequenceMatcher(None, *squeeze, autojunk=False).ratio()


@pytest.mark.long
def test_real_workers_take_the_sample_channel_through_the_whole_pipeline(product):
    imported = product.json("import_export", SAMPLE)
    product.start_workers()

    assert wait_until(idle, seconds=180), product.log[-3000:]

    assert (imported["problems"], imported["not_included"]) == (0, 1)
    check_everything()
    assert imported["media_stored"] == MediaObject.objects.count()
    assert wait_until(lambda: not Schedule.objects.filter(task=None).exists(), seconds=60), (
        "a scheduled job was never started"
    )
    check_the_log(product)


def check_the_log(product) -> None:
    """Fact 121: every line about an event says which picture of which tenant, in every process."""
    lines = product.log_lines  # each is JSON, whichever process and library wrote it
    about_events = [
        line for line in lines if line.get("subscriber", "").startswith("vision.analyze")
    ]
    assert len(about_events) > 10
    assert all(line.keys() >= {"trace_id", "tenant_id", "sha256"} for line in about_events)
    served = {line["pid"] for line in lines if " serves " in line["event"]}
    assert {line["pid"] for line in about_events} < served, "the workers are forks of one process"
    said = {line["event"] for line in lines}
    assert "Vision Analysis task registered with supervisor" in said
    assert "Vision analysis: 1 of 1 analyzed" in said
    assert not [line for line in lines if line["level"] in {"error", "critical"}]
    texts = [text for text in Post.objects.values_list("content", flat=True) if len(text) > 20]
    assert texts
    assert not [text for text in texts if text in product.log]


@dataclass(frozen=True)
class Demo:
    """What two runs of `demo` said, and what the database knew in the end."""

    first: "CompletedProcess[str]"
    second: "CompletedProcess[str]"
    texts: dict[int, str]
    traces_of_a_post: list[tuple[str, str]]
    traces: dict[str, set[str]]
    """By topic."""


@pytest.fixture(scope="class")
def demo(tmp_path_factory, django_db_setup, django_db_blocker):
    """Its rows are gone with the first test: the others look at what was noted of them."""
    with django_db_blocker.unblock():
        product = Product(tmp_path_factory.mktemp("demo"))
        first, second = product.manage("demo"), product.manage("demo", "--json")
        check_everything()
        post = Post.objects.get(telegram_message_id=23)
        events = OutboxEvent.objects.values_list("topic", "trace_id")
        return Demo(
            first, second, texts_read(), list(events.filter(payload__post_id=str(post.pk))),
            {topic: {t for _, t in events.filter(topic=topic)} for topic, _ in events},
        )  # fmt: skip


class TestDemo:
    """The sample channel, taken through the whole pipeline by one command."""

    def test_text_drawn_into_the_pictures_is_read(self, demo):
        scores = {
            number: similarity(text, demo.texts[number])
            for number, text in ((p["message_id"], " ".join(p["lines"])) for p in TRUTH["texts"])
        }
        assert min(scores.values()) > 0.85, scores
        assert sum(scores.values()) / len(scores) > 0.95

    def test_one_trace_id_leads_from_the_message_to_the_album(self, demo):
        assert {topic for topic, _ in demo.traces_of_a_post} == {
            "posts.parsed", "posts.vision.uploaded", "posts.vision.analyzed", "posts.tagged",
            "posts.indexed",
        }  # fmt: skip
        # An item is also indexed with what its album has, under the trace of the album.
        of_the_post = {t for topic, t in demo.traces_of_a_post if topic != "posts.indexed"}
        assert len(of_the_post) == 1
        assert demo.traces["album.assembled"] <= demo.traces["posts.parsed"]

    def test_it_ends_well_and_the_second_time_imports_nothing(self, demo):
        assert demo.first.returncode == 0, demo.first.stderr
        for line in (
            "посты",
            "картинок прочитано",
            "слов распознано",
            "неудавшиеся задачи",
            "пароль",
        ):
            assert line in demo.first.stdout
        report = json.loads(demo.second.stdout)
        assert demo.second.returncode == 0
        assert (report["import"]["new"], report["import"]["updated"]) == (0, 0)
        counts = TRUTH["counts"]
        assert report["posts"] == counts["messages"] - counts["service_messages"]


@pytest.mark.long
def test_workers_killed_in_the_middle_of_their_work_lose_and_double_nothing(product):
    product.manage("import_export", SAMPLE)

    for _ in range(3):
        product.start_workers()
        started = PostEnrichment.objects.count()
        assert wait_until(
            lambda before=started: PostEnrichment.objects.count() > before + 4, seconds=60
        ), product.log[-3000:]
        assert not idle(), "killed after its work, not in the middle of it"
        product.kill_workers()
    product.start_workers()

    assert wait_until(idle, seconds=180), product.log[-3000:]
    check_everything()


def test_schedules_are_exactly_those_of_the_table():
    call_command("migrate", verbosity=0)

    assert set(Schedule.objects.values_list("name", flat=True)) == {
        job.name for job in schedules.JOBS
    }
