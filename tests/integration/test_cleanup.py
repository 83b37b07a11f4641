"""Which objects a cleanup deletes, which it keeps, and what the ledger says afterwards."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ

from albums.models import MediaGroup
from events import queue
from events.models import Doorbell
from media.models import MediaObject, PostMedia
from storage_quota import cleanup, keys, services, tasks
from storage_quota.cleanup import CleanupRule, Step, execution, planning, runner
from storage_quota.metrics import CLEANUPS, EVICTIONS
from storage_quota.models import ContentType, Reservation, StoredObject
from storage_quota.object_store import UnfinishedUpload
from storage_quota.services import QuotaExceeded
from telegram_assistant.config import Limits
from tests import factories
from tests.storage_fixtures import in_bucket, in_ledger, key, used
from vision.models import EnrichmentKind, PostEnrichment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def limits(settings):
    """A bucket of 1000 bytes that is cleaned up at 900 down to 500."""
    settings.LIMITS = Limits(
        total_bytes=1000,
        emergency_bytes=900,
        tenant_bytes=1000,
        by_type={"media": 900, "vision": 900, "crawl": 900, "album": 900},
    )
    settings.CLEANUP = replace(settings.CLEANUP, target_bytes=500)


@pytest.fixture
def put(tenant, now):
    """Store an object that was written `age` ago."""

    def make(name, content_type, age=timedelta(), *, size=10, owner=None):
        at = key(owner or tenant, name, content_type)
        services.put_object(
            tenant=owner or tenant,
            content_type=content_type,
            key=at,
            body=name[:1].encode() * size,
            mime="application/pdf",
            now=now - age,
        )
        return at

    return make


@pytest.fixture
def blob(tenant, now):
    """Store a picture that was last seen `age` ago."""

    def make(name, age=timedelta(), *, owner=None, size=10):
        row = factories.media_object(owner=owner or tenant, body=name.encode() * size, stored=True)
        MediaObject.objects.filter(pk=row.pk).update(last_seen_at=now - age)
        return row

    return make


def shown(media):
    return factories.post(of=factories.channel(owner=media.tenant), media=[media])


def names(plan):
    return [candidate.key.rpartition("/")[2] for candidate in plan.candidates]


def clean(target_bytes, now):
    return cleanup.run(target_bytes=target_bytes, trigger="test", now=now)


def metric(counter, *labels):
    return (counter.labels(*labels) if labels else counter)._value.get()


class TestOrder:
    def test_fact_018_old_pages_go_first_then_old_results_and_the_young_stay(self, put, store, now):
        young_page, page = put("page 2 d", "crawl", 2 * DAY), put("page 4 d", "crawl", 4 * DAY)
        young_look, look = put("look 6 d", "vision", 6 * DAY), put("look 8 d", "vision", 8 * DAY)

        chosen = cleanup.plan(target_bytes=0, now=now)
        clean(0, now)

        assert [candidate.key for candidate in chosen.candidates] == [page, look]
        assert set(in_bucket(store)) == set(in_ledger()) == {young_page, young_look}

    def test_the_oldest_of_a_kind_goes_first(self, put, now):
        for age in (5, 9, 4, 7):
            put(f"{age} days", "crawl", age * DAY)

        assert names(cleanup.plan(target_bytes=0, now=now)) == [
            "9 days",
            "7 days",
            "5 days",
            "4 days",
        ]

    def test_no_more_goes_than_is_needed(self, put, store, now):
        for number in range(5):
            put(f"{number}", "crawl", (20 - number) * DAY, size=10)

        freed = clean(25, now)

        assert freed.deleted_count == 3
        assert freed.freed_bytes == 30
        assert used() == 20
        assert len(in_bucket(store)) == 2

    def test_nothing_goes_where_the_target_is_kept_already(self, put, now):
        put("old", "crawl", 100 * DAY)

        assert not cleanup.plan(target_bytes=10, now=now).candidates
        assert clean(10, now).deleted_count == 0

    def test_reservations_count_as_used(self, put, reserve, now):
        put("old", "crawl", 100 * DAY, size=10)
        reserve(90)

        chosen = cleanup.plan(target_bytes=95, now=now)

        assert chosen.current_bytes == 100
        assert names(chosen) == ["old"]

    def test_albums_are_no_emergency(self, put, now):
        put("summary", "album", 1000 * DAY)

        assert not cleanup.plan(target_bytes=0, now=now).candidates

    def test_a_plan_is_only_a_look(self, put, blob, store, now):
        put("old", "crawl", 100 * DAY)
        blob("unused")
        before = in_ledger(), in_bucket(store)

        cleanup.plan(target_bytes=0, now=now)

        assert (in_ledger(), in_bucket(store)) == before
        assert MediaObject.objects.count() == 1

    def test_a_big_ledger_is_read_page_by_page_and_planned_again(self, put, now, monkeypatch):
        monkeypatch.setattr("storage_quota.cleanup.evictors.PAGE", 3)
        monkeypatch.setattr(planning, "PLAN_CANDIDATES", 4)
        monkeypatch.setattr(execution, "BATCH", 3)
        for number in range(11):
            put(f"{number:02}", "crawl", 9 * DAY)

        first = cleanup.plan(target_bytes=0, now=now)
        freed = clean(0, now)

        assert names(first) == ["00", "01", "02", "03"]
        assert first.more
        assert first.reaches_target
        assert freed.deleted_count == 11
        assert used() == 0


class TestMedia:
    def test_fact_019_what_a_post_shows_stays_however_old(self, blob, store, now):
        used_long_ago, unused = blob("A", 1000 * DAY), blob("B")
        shown(used_long_ago)

        clean(0, now)

        assert set(MediaObject.objects.values_list("pk", flat=True)) == {used_long_ago.pk}
        assert set(in_bucket(store)) == set(in_ledger()) == {used_long_ago.s3_key}
        assert unused.s3_key not in in_ledger()

    def test_fact_020_what_is_shown_again_since_it_was_chosen_stays(self, blob, store, now):
        media = blob("B", 10 * DAY)
        chosen = cleanup.plan(target_bytes=0, now=now)
        shown(media)

        freed = cleanup.execute(chosen, now=now)

        assert [candidate.ref for candidate in chosen.candidates] == [str(media.pk)]
        assert (freed.deleted_count, freed.skipped_count) == (0, 1)
        assert freed.finished
        assert set(in_bucket(store)) == set(in_ledger()) == {media.s3_key}

    def test_fact_021_another_tenants_copy_of_the_same_bytes_stays(self, blob, store, now):
        bob = factories.tenant("Bob")
        ours, theirs = blob("same"), blob("same", owner=bob)
        post = shown(ours)
        shown(theirs)
        post.delete()

        clean(0, now)

        assert set(in_bucket(store)) == {theirs.s3_key}
        with store.open(theirs.s3_key) as file:
            assert file.read() == b"same" * 10

    def test_the_least_recently_used_goes_first(self, blob, now):
        read_lately, seen_lately, forgotten = blob("r", 9 * DAY), blob("s", 2 * DAY), blob("f", DAY)
        StoredObject.objects.filter(key=read_lately.s3_key).update(last_read_at=now)
        MediaObject.objects.filter(pk=forgotten.pk).update(last_seen_at=now - 5 * DAY)

        chosen = cleanup.plan(target_bytes=0, now=now)

        expected = [forgotten, seen_lately, read_lately]
        assert [candidate.key for candidate in chosen.candidates] == [
            row.s3_key for row in expected
        ]

    def test_a_deleted_post_lets_go_of_its_picture(self, blob, now):
        media = blob("picture")
        post = shown(media)
        post.delete()

        assert clean(0, now).deleted_count == 1
        assert not MediaObject.objects.exists()

    def test_an_album_loses_the_picture_and_stays(self, blob, now):
        media = blob("picture")
        group = factories.album(of=factories.channel(owner=media.tenant), pictures=[media])
        PostMedia.objects.filter(media_object=media).delete()

        assert clean(0, now).deleted_count == 1

        group.refresh_from_db()
        assert group.cover_media is None
        assert group.items.get().media_object is None


class TestReferences:
    def test_an_enrichment_forgets_the_result_in_the_same_moment(self, tenant, put, now):
        old, other = put("old", "vision", 30 * DAY), put("other", "vision", 2 * DAY)
        row = enrichment(tenant, s3_vision_keys=[old, other])

        clean(0, now)

        row.refresh_from_db()
        assert row.s3_vision_keys == [other]

    def test_pages_and_pictures_are_forgotten_too(self, tenant, put, blob, now):
        page, media = put("page", "crawl", 30 * DAY), blob("picture")
        row = enrichment(tenant, s3_crawl_keys=[page], s3_media_keys=[media.s3_key])

        clean(0, now)

        row.refresh_from_db()
        assert (row.s3_crawl_keys, row.s3_media_keys) == ([], [])

    def test_an_album_forgets_its_summary_and_keeps_what_it_said(self, put, blob, now):
        group = factories.album(pictures=[])
        at = keys.album(tenant_id=group.tenant_id, album_id=group.pk)
        put(at.rpartition("/")[2], "album", 30 * DAY, owner=group.tenant)
        said = {"vision_summary": "a cat", "s3_key": at}
        MediaGroup.objects.filter(pk=group.pk).update(meta={"enrichment": said, "more": 1})

        old = CleanupRule(Step.ALBUM, 14 * DAY)
        freed = cleanup.run_overdue(rules=[old], trigger="test", now=now)

        group.refresh_from_db()
        assert freed.deleted_count == 1
        assert group.meta == {"enrichment": said | {"s3_key": None}, "more": 1}

    def test_what_was_written_anew_since_it_was_chosen_stays(self, put, store, now):
        put("page", "crawl", 9 * DAY)
        chosen = cleanup.plan(target_bytes=0, now=now)
        again = put("page", "crawl", size=20)

        freed = cleanup.execute(chosen, now=now)

        assert freed.skipped_count == 1
        assert in_bucket(store) == in_ledger() == {again: 20}

    def test_who_points_to_a_result_anew_asks_whether_it_is_there(self, put, now):
        there, gone = put("there", "vision"), put("gone", "vision", 30 * DAY)
        clean(0, now)

        assert services.lock_existing([there, gone]) == {there}


def enrichment(tenant, **columns):
    post = factories.post(of=factories.channel(owner=tenant))
    return PostEnrichment.objects.create(post=post, kind=EnrichmentKind.VISION, **columns)


class TestUploads:
    def test_fact_022_an_upload_abandoned_two_days_ago_is_aborted(self, tenant, store, now):
        old = UnfinishedUpload(key(tenant, "old"), "1", now - 2 * DAY)
        young = UnfinishedUpload(key(tenant, "young"), "2", now - DAY / 2)
        foreign = UnfinishedUpload("backups/2026.tar", "3", now - 9 * DAY)
        store.unfinished = [old, young, foreign]

        rounds = [CleanupRule(Step.MULTIPART, DAY)]
        freed = cleanup.run_overdue(rules=rounds, trigger="test", now=now)

        assert freed.deleted_count == 1
        assert store.unfinished == [young, foreign]

    def test_they_are_looked_for_only_if_all_else_is_not_enough(self, tenant, put, store, now):
        put("old", "crawl", 9 * DAY)
        store.unfinished = [UnfinishedUpload(key(tenant, "old"), "1", now - 2 * DAY)]

        assert [v.step for v in cleanup.plan(target_bytes=5, now=now).candidates] == [Step.CRAWL]

        put("new", "crawl")
        steps = [v.step for v in cleanup.plan(target_bytes=5, now=now).candidates]
        assert steps == [Step.CRAWL, Step.MULTIPART]


class TestInterruptions:
    def test_a_second_run_finds_nothing_left_to_do(self, put, blob, now):
        put("old", "crawl", 9 * DAY)
        blob("unused")

        first, second = clean(0, now), clean(0, now)

        assert (first.deleted_count, second.deleted_count) == (2, 0)

    def test_the_same_plan_executed_twice_deletes_once(self, put, blob, now):
        put("old", "crawl", 9 * DAY)
        blob("unused")
        chosen = cleanup.plan(target_bytes=0, now=now)

        first = cleanup.execute(chosen, now=now)
        second = cleanup.execute(replace(chosen, target_bytes=None), now=now)

        assert (first.deleted_count, second.deleted_count, second.skipped_count) == (2, 0, 2)

    def test_killed_between_the_beats_the_sweep_finishes(self, put, store, now, monkeypatch):
        put("old", "crawl", 9 * DAY)
        monkeypatch.setattr(execution, "release_with_result", killed)

        with pytest.raises(KeyboardInterrupt):
            clean(0, now)

        assert not in_ledger()
        assert used() == 0
        assert Reservation.objects.get().size_bytes == 10  # still counted: it is in the bucket
        assert len(in_bucket(store)) == 1

        services.release_expired(now=now)

        assert not in_bucket(store)
        assert not Reservation.objects.exists()

    def test_a_store_that_is_away_is_told_and_nothing_is_forgotten(self, put, store, now):
        at = put("old", "crawl", 9 * DAY)
        store.down = True

        freed = cleanup.execute(cleanup.plan(target_bytes=0, now=now), now=now)

        assert "switched off" in freed.stop_reason
        assert not freed.finished
        assert set(in_ledger()) == {at}

    def test_a_store_that_cannot_list_its_uploads_is_told_too(self, put, store, now):
        put("young", "crawl", DAY)
        store.down = True

        assert "switched off" in clean(0, now).stop_reason

    def test_a_store_that_fails_on_the_way_stops_the_run(self, put, store, now, monkeypatch):
        monkeypatch.setattr(execution, "BATCH", 2)
        for number in range(6):
            put(f"{number}", "crawl", 9 * DAY)
        delete, calls = store.delete, []

        def fail(at):
            calls.append(at)
            store.down = len(calls) > 3
            delete(at)

        monkeypatch.setattr(store, "delete", fail)
        freed = clean(0, now)

        assert (freed.deleted_count, freed.remaining_count) == (3, 1)
        assert freed.stop_reason
        assert len(in_ledger()) == 2
        store.down = False
        monkeypatch.undo()
        services.release_expired(now=now)
        assert in_bucket(store) == in_ledger()

    def test_it_stops_when_the_time_is_up(self, put, now):
        put("old", "crawl", 9 * DAY)

        freed = cleanup.execute(cleanup.plan(target_bytes=0, now=now), now=now, until=0)

        assert freed.stop_reason == cleanup.TIME_IS_UP
        assert len(in_ledger()) == 1


def killed(*_):
    raise KeyboardInterrupt


def forget_the_bell():
    """As if the task that a crossing had enqueued was done."""
    OrmQ.objects.all().delete()
    Doorbell.objects.all().delete()


class TestTriggers:
    def test_fact_016_a_full_bucket_is_cleaned_up_before_an_upload_is_refused(
        self, put, reserve, store, now
    ):
        kept = put("new", "crawl", size=450)
        put("old", "crawl", 9 * DAY, size=450)
        runs_before = metric(CLEANUPS)

        assert reserve(200).size_bytes == 200

        assert metric(CLEANUPS) == runs_before + 1
        assert set(in_bucket(store)) == {kept}

    def test_fact_016_it_is_refused_where_nothing_may_go(self, put, reserve):
        put("new", "crawl", size=450)
        put("newer", "crawl", size=450)
        runs_before = metric(CLEANUPS)

        with pytest.raises(QuotaExceeded) as refusal:
            reserve(200)

        assert refusal.value.forecast.reason == "bucket_full"
        assert metric(CLEANUPS) == runs_before + 1
        assert len(in_ledger()) == 2

    def test_no_more_than_the_room_that_is_missing_is_freed_while_somebody_waits(
        self, put, reserve, now
    ):
        for number in range(9):
            put(f"{number}", "crawl", (20 - number) * DAY, size=100)

        reserve(150)

        assert used() == 800

    def test_nothing_goes_for_an_upload_that_another_limit_refuses(
        self, put, reserve, settings, now
    ):
        put("old", "crawl", 9 * DAY, size=800)
        settings.LIMITS = replace(settings.LIMITS, by_type={"media": 200, "crawl": 900})

        with pytest.raises(QuotaExceeded):
            reserve(300)

        assert used() == 800

    def test_nothing_goes_for_the_part_of_a_batch_that_another_limit_refuses(
        self, put, tenant, settings, now
    ):
        for number in range(9):
            put(f"{number}", "crawl", (20 - number) * DAY, size=100)
        settings.LIMITS = replace(settings.LIMITS, by_type={"media": 150, "crawl": 900})
        wanted = [services.ReservationRequest(key(tenant), 120) for _ in range(4)]

        answers = services.reserve_many(
            tenant=tenant, content_type="media", requests=wanted, now=now
        )

        assert [isinstance(answer, QuotaExceeded) for answer in answers] == [False] + [True] * 3
        assert used() == 800

    def test_it_can_be_switched_off(self, put, reserve, settings):
        put("old", "crawl", 9 * DAY, size=900)
        settings.CLEANUP = replace(settings.CLEANUP, enabled=False)

        with pytest.raises(QuotaExceeded):
            reserve(200)

        assert used() == 900

    def test_crossing_the_threshold_rings_once(self, put, reserve):
        put("old", "crawl", 9 * DAY, size=850)

        reserve(40)
        assert not OrmQ.objects.exists()

        reserve(40)
        reserve(1)

        [task] = OrmQ.objects.all()
        assert task.func() == runner.TASK

    def test_who_is_told_that_reserving_failed_has_reserved_nothing(
        self, put, reserve, monkeypatch, django_capture_on_commit_callbacks
    ):
        """Also where only the bell failed, as it does without a connection for it."""

        def fail(*_, **__):
            raise OperationalError("sorry, too many clients already")

        put("old", "crawl", 9 * DAY, size=850)
        monkeypatch.setattr(runner, "enqueue_once", fail)

        with pytest.raises(OperationalError), django_capture_on_commit_callbacks(execute=True):
            reserve(60)

        assert not Reservation.objects.exists()

    @pytest.mark.parametrize("task", ["release_expired", "sweep_lifecycle"])
    @pytest.mark.parametrize(("size", "rung"), [(899, 0), (900, 1)])
    def test_a_sweep_rings_while_usage_stays_above_the_threshold(self, put, task, size, rung):
        put("fresh", "crawl", size=size)
        forget_the_bell()

        getattr(tasks, task)()

        assert [each.func() for each in OrmQ.objects.all()] == [runner.TASK] * rung

    @pytest.mark.parametrize(("size", "rung"), [(890, 0), (900, 1)])
    @pytest.mark.parametrize("limit", ["tenant", "type", "bucket"])
    def test_every_refusal_rings_while_usage_stays_above_the_threshold(
        self, put, reserve, settings, size, rung, limit
    ):
        put("fresh", "crawl", size=size)
        forget_the_bell()
        if limit == "tenant":
            settings.LIMITS = replace(settings.LIMITS, tenant_bytes=size)
        if limit == "type":
            settings.LIMITS = replace(settings.LIMITS, by_type={"media": 5, "crawl": 900})
        for number in range(2):
            with pytest.raises(QuotaExceeded):
                reserve(200 + number)

        assert [each.func() for each in OrmQ.objects.all()] == [runner.TASK] * rung

    def test_the_worker_that_was_rung_for_goes_down_to_the_target(self, put, now):
        for number in range(9):
            put(f"{number}", "crawl", (20 - number) * DAY, size=100)

        said = cleanup.clean_up_in_background(now=now, time_box=DAY)

        assert used() == 500
        assert said == "4 deleted, 400 bytes freed"

    def test_a_worker_leaves_it_to_the_one_who_cleans_up_already(self, put, monkeypatch, now):
        @contextmanager
        def held_elsewhere(_name):
            yield False

        put("old", "crawl", 9 * DAY, size=900)
        monkeypatch.setattr(runner.advisory_locks, "try_held", held_elsewhere)

        said = cleanup.clean_up_in_background(now=now, time_box=DAY)

        assert said == "another cleanup is running"
        assert used() == 900

    def test_below_the_threshold_it_has_nothing_to_do(self, put, now):
        put("old", "crawl", 9 * DAY, size=890)

        assert cleanup.clean_up_in_background(now=now, time_box=DAY) == "there is room"

    def test_what_it_cannot_finish_goes_on_in_another_task(self, put, now):
        put("old", "crawl", 9 * DAY, size=900)

        cleanup.clean_up_in_background(now=now, time_box=timedelta())

        *_, task = OrmQ.objects.order_by("pk")
        assert task.task["kwargs"]["going_on"] is True
        assert used() == 900

    def test_a_bell_whose_task_was_lost_rings_again(self, now):
        cleanup.ring()
        cleanup.ring()
        assert OrmQ.objects.count() == 1

        Doorbell.objects.update(rung_at=timezone.now() - timedelta(hours=1))
        cleanup.ring()
        assert OrmQ.objects.count() == 2

    @pytest.mark.django_db(transaction=True)
    def test_a_bell_without_its_task_is_not_left_behind(self, monkeypatch):
        """Nobody would enqueue the task for a quarter of an hour."""

        def fail(*_, **__):
            raise OperationalError("sorry, too many clients already")

        monkeypatch.setattr(queue, "async_task", fail)

        with pytest.raises(OperationalError):
            cleanup.ring()

        assert not Doorbell.objects.filter(rung_at__isnull=False).exists()


def test_evictions_are_counted_by_type_and_tenant(tenant, put, now):
    put("old", "crawl", 9 * DAY)
    before = metric(EVICTIONS, "crawl", str(tenant.pk))

    clean(0, now)

    assert metric(EVICTIONS, "crawl", str(tenant.pk)) == before + 1


def test_a_type_has_one_evictor():
    with pytest.raises(ValueError, match="evictor already"):
        cleanup.register(ContentType.MEDIA, cleanup.ByAge(ContentType.MEDIA))
