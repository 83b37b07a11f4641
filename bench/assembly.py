"""
How long an album waits for its assembly after its last item, alone and among a thousand.

Albums of three pictures are in the database, with outcomes for all but the last. That outcome is
written and its event published as vision does it; a worker serves the queue meanwhile, in this
process. *Alone*: one album is in flight at a time. *Capacity*: albums assembled a second where all
last items come at once. *In flight*: a thousand albums wait, and their last items come at half that
rate. Printed is the p95 of the time from the event of the last item to `album.assembled`, and how
much longer it is than alone; the bound is that of issue 16.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.db import connection, transaction  # noqa: E402

from albums.models import AlbumKind, AlbumStatus, ItemKind, MediaGroup, MediaGroupItem  # noqa: E402
from bench.support import report  # noqa: E402
from events import outbox  # noqa: E402
from events.delivery import worker  # noqa: E402
from events.models import OutboxEvent  # noqa: E402
from events.schemas import VisionAnalyzedEventV1  # noqa: E402
from media.models import Channel, Post, post_id  # noqa: E402
from tests import factories as make  # noqa: E402
from vision.models import EnrichmentKind, PostEnrichment, VisionProviderName  # noqa: E402

ALONE, AT_ONCE, IN_FLIGHT, ITEMS = 60, 300, 1000, 3
PATIENCE = 120.0
AT_MOST = 10.0
WORDS = "Объявление о собрании жильцов, время и место на картинке"
_numbers = count(1)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench_") as scratch:
        settings.OBJECTS_DIR = Path(scratch, "objects")
        settings.OBJECTS_DIR.mkdir()
        with database.fresh():
            return report.close(_measured())


def _measured() -> list[report.Figure]:
    channel = make.channel()
    with _worker():
        _one_by_one(_waiting(channel, 10))  # the first ones are slower: everything is read once
        alone = _one_by_one(_waiting(channel, ALONE))
        capacity = _all_at_once(_waiting(channel, AT_ONCE))
        crowd = _paced(_waiting(channel, IN_FLIGHT), per_second=capacity / 2)
    head = "assembly"
    return [
        report.Figure(f"{head}: one in flight, p95", 1000 * _p95(alone), unit="ms"),
        report.Figure(f"{head}: capacity", capacity, unit="/s"),
        report.Figure(f"{head}: {IN_FLIGHT} in flight, median", 1000 * median(crowd), unit="ms"),
        report.Figure(f"{head}: {IN_FLIGHT} in flight, p95", 1000 * _p95(crowd), unit="ms"),
        report.Figure(
            f"{head}: p95 of {IN_FLIGHT} in flight to one",
            _p95(crowd) / _p95(alone),
            at_most=AT_MOST,
            unit="times",
        ),
    ]


@contextmanager
def _worker() -> Iterator[None]:
    ended = threading.Event()
    server = threading.Thread(
        target=worker.serve, args=("default",), kwargs={"proceed": lambda: not ended.is_set()}
    )
    server.start()
    try:
        yield
    finally:
        ended.set()
        server.join()


def _one_by_one(albums: Sequence[MediaGroup]) -> list[float]:
    for album in albums:
        _last_item(album)
        _await([album])
    return _waits(albums)


def _all_at_once(albums: Sequence[MediaGroup]) -> float:
    """Albums assembled a second, from the first event to the last assembly."""
    started = time.monotonic()
    for album in albums:
        _last_item(album)
    _await(albums)
    return len(albums) / (time.monotonic() - started)


def _paced(albums: Sequence[MediaGroup], *, per_second: float) -> list[float]:
    started = time.monotonic()
    for number, album in enumerate(albums):
        time.sleep(max(0.0, started + number / per_second - time.monotonic()))
        _last_item(album)
    _await(albums)
    return _waits(albums)


def _await(albums: Sequence[MediaGroup]) -> None:
    waiting = MediaGroup.objects.filter(
        pk__in=[album.pk for album in albums], status=AlbumStatus.WAITING
    )
    until = time.monotonic() + PATIENCE
    while waiting.exists():
        assert time.monotonic() < until, f"{waiting.count()} albums still wait"
        time.sleep(0.02)


def _waits(albums: Sequence[MediaGroup]) -> list[float]:
    """Seconds from the event of the last item to `album.assembled`, for each album."""
    groups = {album.pk: str(album.last_post) for album in albums}  # type: ignore[attr-defined]
    analyzed = dict(_told("posts.vision.analyzed", "post_id"))
    assembled = dict(_told("album.assembled", "album_id"))
    return [(assembled[pk] - analyzed[last]).total_seconds() for pk, last in groups.items()]


def _told(topic: str, name: str) -> Iterator[tuple[Any, datetime]]:
    for payload, at in OutboxEvent.objects.filter(topic=topic).values_list("payload", "created_at"):
        yield payload[name], at


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1]


def _waiting(channel: Channel, number: int) -> list[MediaGroup]:
    """So many albums of which only the last item has no outcome yet."""
    posts = [_post(channel) for _ in range(number * ITEMS)]
    Post.objects.bulk_create(posts, batch_size=500)
    albums = MediaGroup.objects.bulk_create([_album(channel) for _ in range(number)])
    MediaGroupItem.objects.bulk_create(
        [_item(albums[n // ITEMS], post, n % ITEMS) for n, post in enumerate(posts)], batch_size=500
    )
    seen = [post for n, post in enumerate(posts) if n % ITEMS < ITEMS - 1]
    PostEnrichment.objects.bulk_create([_outcome(post) for post in seen], batch_size=500)
    for album, last in zip(albums, posts[ITEMS - 1 :: ITEMS], strict=True):
        album.last_post = last.pk  # type: ignore[attr-defined]
    database.analyze()
    return albums


def _post(channel: Channel) -> Post:
    number = next(_numbers)
    return Post(
        pk=post_id(channel.pk, number),
        tenant=channel.tenant,
        channel=channel,
        telegram_message_id=number,
        posted_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
        grouped_id=1,
        has_media=True,
        media_kind="photo",
        media_state="stored",
    )


def _album(channel: Channel) -> MediaGroup:
    number = next(_numbers)
    return MediaGroup(
        tenant=channel.tenant,
        channel=channel,
        grouped_id=number,
        album_kind=AlbumKind.PHOTO,
        items_count=ITEMS,
        content_hash=f"{number:064x}",
        posted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def _item(album: MediaGroup, post: Post, position: int) -> MediaGroupItem:
    return MediaGroupItem(
        group=album,
        post=post,
        position=position,
        media_kind=ItemKind.PHOTO,
        sha256=f"{post.telegram_message_id:064x}",
    )


def _outcome(post: Post) -> PostEnrichment:
    return PostEnrichment(
        post=post,
        kind=EnrichmentKind.VISION,
        vision_provider=VisionProviderName.OCR_FALLBACK,
        vision_analyzed_at=datetime.now(UTC),
        vision_description=f"{WORDS} {post.telegram_message_id}",
        vision_ocr_text=WORDS,
        vision_classification={"tags": ["объявление", "дом"]},
        features_hash=f"{post.telegram_message_id:064x}",
    )


def _last_item(album: MediaGroup) -> None:
    """The last outcome with its event, in one transaction, as vision saves it."""
    post = Post.objects.get(pk=album.last_post)  # type: ignore[attr-defined]
    outcome = _outcome(post)
    event = VisionAnalyzedEventV1(
        tenant_id=str(post.tenant_id),
        idempotency_key=f"{post.tenant_id}:{post.pk}:bench",
        post_id=str(post.pk),
        vision_version="vision:1",
        features_hash=outcome.features_hash,
    )
    with transaction.atomic():
        outcome.save()
        outbox.publish(event)


if __name__ == "__main__":
    code = main()
    connection.close()
    sys.exit(code)
