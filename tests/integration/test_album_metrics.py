"""What is counted of albums (CONTRACT §10.7), after the event and once."""

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from albums import gauges, metrics
from albums.models import MediaGroup
from albums.services import album_events, assemble
from events import subscriptions
from events.delivery import run, worker
from events.errors import RetryLater
from events.metrics import scrape
from storage_quota.object_store.packing import json_bytes
from telegram_assistant.metrics import exposition
from tests import factories as make
from tests.counted import Growth
from vision import providers
from vision.models import PostEnrichment
from vision.providers.fake import FakeVision

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def provider(monkeypatch):
    fake = FakeVision()
    monkeypatch.setattr(providers, "get_ocr", lambda: fake)
    return fake


@pytest.fixture
def growth():
    return Growth()


@pytest.fixture
def album(archive):
    """Three photos of one album, none handled yet."""
    return [archive.post(f"{n}".encode(), grouped_id=-1) for n in range(3)]


def progress() -> dict[tuple[str, str], float]:
    scrape.forget()
    families = text_string_to_metric_families(exposition.page()[0].decode())
    [family] = [one for one in families if one.name == "album_items_count_gauge"]
    return {(s.labels["album_id"], s.labels["status"]): s.value for s in family.samples}


def analyzed(album, *seconds, now):
    """Analyze the items, each so many seconds after `now`; the album is left to be assembled."""
    worker.drain("vision")
    for post, after in zip(album, seconds, strict=True):
        PostEnrichment.objects.filter(post=post).update(
            vision_analyzed_at=now + timedelta(seconds=after)
        )
    return MediaGroup.objects.get().pk


def test_fact_096_first_and_last_analyzed_30_s_apart_are_one_observation_of_30(album, growth, now):
    worker.drain("default")
    group_id = analyzed(album, 0, 10, 30, now=now)

    outcome = assemble.assemble_album(group_id=group_id, now=now + timedelta(seconds=30))

    assert outcome == "complete"
    assert growth("album_assembly_lag_seconds_count") == 1
    assert growth("album_assembly_lag_seconds_sum") == pytest.approx(30)
    assert growth("album_assembly_lag_seconds_bucket", le="10.0") == 0
    assert growth("album_assembly_lag_seconds_bucket", le="30.0") == 1


def test_an_album_is_counted_once_however_often_its_items_come(album, growth):
    for _ in range(3):
        worker.drain("default")
        worker.drain("vision")

    assert growth("albums_parsed_total", status="ok") == 1
    assert growth("albums_assembled_total", status="ok") == 1
    assert growth("media_processing_total", stage="assemble", media="album", outcome="success") == 1
    labels = {"stage": "assemble", "media": "album", "outcome": "success"}
    assert growth("media_processing_duration_seconds_count", **labels) == 1
    assert growth("album_aggregation_duration_ms_count") == 1
    assert growth("albums_parsed_total", status="error") == 0


def test_the_size_is_that_of_the_whole_summary(album, growth, store, monkeypatch):
    seen = []
    of = assemble.Assembly.document
    monkeypatch.setattr(
        assemble.Assembly, "document", lambda self: seen.append(of(self)) or seen[-1]
    )
    worker.drain("default")
    worker.drain("vision")
    worker.drain("default")

    assert growth("album_vision_summary_size_bytes_count") == 1
    assert growth("album_vision_summary_size_bytes_sum") == len(json_bytes(seen[0]))


@pytest.mark.costly
def test_a_late_item_is_another_assembly_but_no_lag_of_days(archive, album, growth):
    for _ in range(3):
        worker.drain("default")
        worker.drain("vision")
    PostEnrichment.objects.update(vision_analyzed_at="2020-01-01T00:00:00Z")
    archive.post(b"late", grouped_id=-1)
    for _ in range(3):
        worker.drain("default")
        worker.drain("vision")

    assert MediaGroup.objects.get().version == 2
    assert growth("albums_parsed_total", status="ok") == 2
    assert growth("albums_assembled_total", status="ok") == 2
    assert growth("album_assembly_lag_seconds_count") == 1


def test_what_fails_is_counted_once_for_each_attempt_also_in_a_batch(album, growth, monkeypatch):
    """The whole batch is tried first, and then each of its events by itself."""
    monkeypatch.setattr(album_events, "parsed", lambda *_, **__: 1 / 0)
    [collecting] = [one for one in subscriptions.registered() if one.name == "albums.collect"]

    run.deliver_batch(collecting)  # a drain would come to the next attempt on a slow machine

    assert growth("albums_parsed_total", status="error") == 3  # three items, three events
    assert growth("albums_parsed_total", status="ok") == 0


def test_a_failed_assembly_is_an_error_and_one_that_waits_is_not(album, growth, now, monkeypatch):
    worker.drain("default")
    group_id = analyzed(album, 0, 1, 2, now=now)
    monkeypatch.setattr(assemble, "summarize", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        assemble.assemble_album(group_id=group_id, now=now)
    MediaGroup.objects.update(claimed_until=now + timedelta(minutes=1))
    with pytest.raises(RetryLater):
        assemble.assemble_album(group_id=group_id, now=now)

    assert growth("albums_assembled_total", status="error") == 1
    assert growth("media_processing_total", stage="assemble", media="album", outcome="error") == 1
    labels = {"stage": "assemble", "media": "album", "outcome": "error"}
    assert growth("media_processing_duration_seconds_count", **labels) == 1
    assert growth("albums_assembled_total", status="ok") == 0


def test_an_assembly_that_is_rolled_back_is_not_counted(album, growth, now, monkeypatch):
    worker.drain("default")
    group_id = analyzed(album, 0, 1, 2, now=now)
    monkeypatch.setattr(album_events, "assembled", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        assemble.assemble_album(group_id=group_id, now=now)

    assert growth("album_assembly_lag_seconds_count") == 0
    assert growth("album_aggregation_duration_ms_count") == 0


@pytest.mark.costly
def test_the_gauge_shows_an_album_while_it_is_in_assembly_and_no_longer(archive, album):
    archive.post(b"waits", grouped_id=-1, tell=False)
    assert progress() == {}
    worker.drain("default")
    album_id = str(MediaGroup.objects.get().pk)

    assert progress() == {
        (album_id, "total"): 4, (album_id, "analyzed"): 0, (album_id, "pending"): 4,
    }  # fmt: skip
    worker.drain("vision")
    worker.drain("default")
    assert progress() == {
        (album_id, "total"): 4, (album_id, "analyzed"): 3, (album_id, "pending"): 1,
    }  # fmt: skip
    MediaGroup.objects.update(status="partial")
    assert progress() == {}


@pytest.mark.costly
def test_the_outcome_of_a_picture_that_was_replaced_is_still_pending(album):
    """The summary does not have it either: the gauge and the assembler count alike."""
    worker.drain("default")
    group = MediaGroup.objects.get()
    item = group.items.get(position=1)
    old, new = item.media_object, make.media_object(owner=group.tenant)
    make.enrichment(item.post, decisions=[make.decision(old)])
    seen = progress()
    group.items.filter(pk=item.pk).update(media_object=new, sha256=new.file_sha256)

    assert (seen[str(group.pk), "analyzed"], seen[str(group.pk), "pending"]) == (1, 2)
    replaced = progress()
    assert (replaced[str(group.pk), "analyzed"], replaced[str(group.pk), "pending"]) == (0, 3)


def test_of_many_albums_in_assembly_those_that_wait_longest_have_a_series(now, monkeypatch):
    monkeypatch.setattr(gauges, "SHOWN", 2)
    channel = make.channel()
    groups = [
        MediaGroup.objects.create(
            tenant=channel.tenant, channel=channel, grouped_id=n, album_kind="photo", posted_at=now
        )
        for n in range(4)
    ]
    for group, age in zip(groups, (1, 4, 3, 2), strict=True):
        MediaGroup.objects.filter(pk=group.pk).update(updated_at=now - timedelta(hours=age))

    assert {album_id for album_id, _ in progress()} == {str(groups[1].pk), str(groups[2].pk)}


@pytest.mark.parametrize(
    ("histogram", "threshold"),
    [(metrics.LAG_SECONDS, 600), (metrics.AGGREGATION_MS, 5000)],
)
def test_fact_115_a_quantile_can_pass_the_threshold_of_its_alert(histogram, threshold):
    finite = histogram._upper_bounds[:-1]

    assert threshold in finite
    assert len([bound for bound in finite if bound > threshold]) >= 2
