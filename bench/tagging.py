"""
`python -m bench.tagging`: how fast posts are tagged, and that a cycle of tagging ends.

The real posts of shared/data, Russian and English. The tagger alone is timed on lemmas it has not seen; precision at 5 is the share of its
five keywords that are hashtags of the same post, which it is not shown. The cycle: a thousand posts are parsed and tagged, then
analyzed anew, while the process that tags is killed ten times.
"""

import gzip
import json
import os
import random
import re
import signal
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.support import database

database.setup()

from django.db import connections, transaction  # noqa: E402 - after django.setup()
from django.utils import timezone  # noqa: E402

from bench.support import report  # noqa: E402
from bench.support.report import Figure  # noqa: E402
from bench.support.turns import in_turn, timed  # noqa: E402
from events import outbox  # noqa: E402
from events.delivery import recovery, worker  # noqa: E402
from events.models import Delivery, OutboxEvent  # noqa: E402
from events.schemas import (  # noqa: E402
    Classification,
    PostParsedEventV1,
    VisionAnalyzedEventV1,
    VisionResult,
)
from events.subscriptions import unsubscribe  # noqa: E402
from media.models import Post  # noqa: E402
from media.posts import post_events  # noqa: E402
from media.services import imports  # noqa: E402
from media.sources.export import ExportSource  # noqa: E402
from tests import factories as make  # noqa: E402
from vision import tagging_handlers  # noqa: E402
from vision.models import EnrichmentKind, PostEnrichment  # noqa: E402
from vision.tagging import run  # noqa: E402
from vision.tagging.local import LocalTagger  # noqa: E402
from vision.tagging.port import Material  # noqa: E402
from vision.tagging.words.keywords import keywords  # noqa: E402
from vision.tagging.words.names import canonical, hashtags  # noqa: E402

DATA = Path(
    os.environ.get("SHARED_DATA_DIR", Path(__file__).resolve().parents[2] / "shared" / "data")
)
POSTS, KILLS = 1000, 10
FEWEST = 300
"""Posts per second and core (issue 16)."""
_TAG = re.compile(r"#\w+")


def main() -> int:
    texts = _texts()
    figures = [*_alone(texts), *_precision(texts)]
    with database.fresh():
        figures += [*_import(), *_whole(texts), *_cycle(texts)]
    return report.close(figures)


def _texts() -> list[str]:
    with gzip.open(DATA / "search" / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def _alone(texts: list[str]) -> list[Figure]:
    tagger = LocalTagger(min_chars=80)
    tagger.find(Material(text="снег и houses " * 9))  # loads the dictionaries
    rates = []
    for _ in range(2):
        started = time.process_time()
        for text in texts:
            tagger.find(Material(text=text))
        rates.append(len(texts) / (time.process_time() - started))
    return [
        Figure(
            "tagging: posts a second and core, new words", rates[0], at_least=FEWEST, unit="1/s"
        ),
        Figure("tagging: the same, known words", rates[1], unit="1/s"),
    ]


def _precision(texts: list[str]) -> list[Figure]:
    hits = found = posts = 0
    for text in texts:
        own = {part for tag in hashtags(text) for part in (tag, *tag.split("_"))}
        if own:
            named = [one.name for one in keywords(_TAG.sub(" ", text))]
            posts += 1
            hits += sum(canonical(name) in own for name in named)
            found += len(named)
    return [
        Figure("tagging: precision at 5 against the posts' own hashtags", hits / (5 * posts)),
        Figure("tagging: keywords found for a post", found / posts),
    ]


def _import() -> list[Figure]:
    """A real export of 211 posts, into a new tenant each time, with and without tagging."""
    export = next((DATA / "telegram" / "ru_films_textonly").iterdir())

    def with_tagging() -> float:
        tagging_handlers.register()
        return timed(lambda: _imported(export))

    def without() -> float:
        unsubscribe(tagging_handlers.TAG)
        return timed(lambda: _imported(export))

    without(), with_tagging()
    turns = in_turn(with_tagging, without, rounds=21)
    tagging_handlers.register()
    OutboxEvent.objects.all().delete()
    return [
        Figure(
            "tagging: time of an import against one without", turns.ratio, at_most=1.1, unit="times"
        )
    ]


def _imported(export: Path) -> None:
    source = ExportSource(export, zone=ZoneInfo("Europe/Moscow"))
    imports.import_export(source=source, path=export, tenant=make.tenant())


def _whole(texts: list[str]) -> list[Figure]:
    """With the rows and the events, in batches as the worker takes them."""
    posts = _posts(texts[:POSTS])
    events = [_parsed(post) for post in posts]
    started, ours = time.perf_counter(), time.process_time()
    for start in range(0, POSTS, 100):
        run.tag_new(events[start : start + 100], now=timezone.now())
    seconds, ours = time.perf_counter() - started, time.process_time() - ours
    Post.objects.all().delete()
    OutboxEvent.objects.all().delete()
    return [
        Figure("tagging: posts a second with rows and events", POSTS / seconds, unit="1/s"),
        Figure(
            "tagging: the same, of a core of the worker", POSTS / ours, at_least=FEWEST, unit="1/s"
        ),
    ]


def _cycle(texts: list[str]) -> list[Figure]:
    chance = random.Random(7)
    posts = _posts(texts[:POSTS])
    _publish([_parsed(post) for post in posts])
    _drain_to_the_end()
    initial = _told("initial")
    PostEnrichment.objects.bulk_create(
        PostEnrichment(
            post=post, tenant_id=post.tenant_id, channel_id=post.channel_id,
            kind=EnrichmentKind.VISION, vision_version="vision@2026-11-26#p10",
            features_hash="a" * 64, vision_analyzed_at=timezone.now(),
            vision_ocr_text="кот " * 60,
        )
        for post in posts
    )  # fmt: skip
    _publish([_analyzed(post) for post in posts])
    _publish([_analyzed(post, again=True) for post in posts])  # each analysis is told twice
    kills = sum(_killed_after(chance.uniform(0.05, 0.5)) for _ in range(KILLS))
    _drain_to_the_end()
    retags = _told("vision_retag")
    both = OutboxEvent.objects.filter(topic="posts.tagged")
    loops = Delivery.objects.filter(event__in=both, subscriber__startswith="vision").count()
    return [
        Figure("tagging: posts told as new, of 1 000", initial, at_least=POSTS, at_most=POSTS),
        Figure("tagging: retags told, of 1 000", retags, at_least=POSTS, at_most=POSTS),
        Figure("tagging: of these told to a tagger again", loops, at_least=0, at_most=0),
        Figure("tagging: workers killed at work meanwhile", kills),
    ]


def _posts(texts: list[str]) -> list[Post]:
    channel = make.channel()
    return [make.post(of=channel, content=text, has_media=True) for text in texts]


def _parsed(post: Post) -> PostParsedEventV1:
    return post_events.parsed(post, post.channel, [], first=True, trace_id="bench")


def _analyzed(post: Post, *, again: bool = False) -> VisionAnalyzedEventV1:
    seen = VisionResult(
        provider="gigachat", model="m", classification=Classification(type="photo"),
        analyzed_at=timezone.now(),
    )  # fmt: skip
    return VisionAnalyzedEventV1(
        tenant_id=str(post.tenant_id), post_id=str(post.pk), features_hash="a" * 64, vision=seen,
        vision_version="vision@2026-11-26#p10", idempotency_key=f"{post.pk}:{again}",
    )  # fmt: skip


def _publish(events: list) -> None:
    with transaction.atomic():
        outbox.publish_many(events)


def _told(trigger: str) -> int:
    return OutboxEvent.objects.filter(topic="posts.tagged", payload__trigger=trigger).count()


def _killed_after(seconds: float) -> bool:
    """Start a worker, kill it; whether it still worked then."""
    pid = _fork()
    time.sleep(seconds)
    ended, _ = os.waitpid(pid, os.WNOHANG)
    if not ended:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return not ended


def _drain_to_the_end() -> None:
    for _ in range(30):
        pid = _fork()
        os.waitpid(pid, 0)
        open_ = Delivery.objects.filter(queue="tagging").exclude(state__in=["done", "dead"])
        if not open_.exists():
            return
        recovery.release_leases_of_gone_workers(now=timezone.now())
        time.sleep(1)


def _fork() -> int:
    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    try:
        worker.drain("tagging")
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
