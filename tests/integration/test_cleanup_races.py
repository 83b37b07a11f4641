"""Cleanups against imports, analyses and each other: real threads, processes and database."""

import random
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from io import BytesIO

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.models import Tenant
from events import advisory_locks
from media.models import MediaObject, Post
from media.services.pipeline.in_flight import import_messages
from media.sources.port import Attachment, MediaKind, Message
from storage_quota import cleanup, keys, services
from storage_quota.cleanup import runner
from storage_quota.models import Reservation, StoredObject
from storage_quota.reserve import RESERVATION_TTL
from telegram_assistant.config import Limits
from tests import factories
from tests.concurrency import wait_for_backends
from tests.processes import Python
from tests.storage_fixtures import in_bucket, in_ledger, key, used
from vision.models import EnrichmentKind, PostEnrichment

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 200
LONG_AGO = timedelta(days=99)


@pytest.fixture
def tenant(transactional_db):
    return Tenant.objects.create(name="Alice")


class OnePicture:
    """A source in which every message has the same picture."""

    body = factories.picture()

    @contextmanager
    def open(self, path):
        yield BytesIO(self.body)

    def message(self, number):
        shown = Attachment(MediaKind.PHOTO, path="picture.png")
        return Message(
            number, timezone.now(), attachment=shown, fingerprint=sha256(b"%d" % number).hexdigest()
        )


def at_once(*works):
    """Run them in threads that start together, each with its own connection."""
    start = threading.Barrier(len(works))

    def run(work):
        try:
            start.wait()
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def clean(chance):
    """Plan, wait, execute: the longer the wait, the more has changed."""
    now = timezone.now()
    chosen = cleanup.plan(target_bytes=0, now=now)
    time.sleep(chance.random() * 0.02)
    return cleanup.execute(chosen, now=now).deleted_count


def settled_ledger(bucket):
    """Release what is expired, then check that bucket and ledger agree to the byte."""
    services.release_expired(now=timezone.now() + 2 * RESERVATION_TTL)
    assert in_bucket(bucket) == in_ledger()
    assert used() == sum(in_ledger().values())
    assert not Reservation.objects.exists()


def test_two_hundred_times_a_picture_is_imported_again_while_it_is_cleaned_up(
    tenant, files, chance
):
    channels = [factories.channel(owner=tenant) for _ in range(2)]
    source = OnePicture()
    evicted = 0

    for number in range(1, ROUNDS + 1):
        delays = [chance.random() * 0.02 for _ in channels]
        chances = [random.Random(number), random.Random(-number)]

        def bring_in(channel, delay, number=number):
            time.sleep(delay)
            import_messages(
                source, channel=channel, messages=[source.message(number)], now=timezone.now()
            )

        imports = [
            lambda c=channel, d=delay: bring_in(c, d)
            for channel, delay in zip(channels, delays, strict=True)
        ]
        cleaners = [lambda one=one: clean(one) for one in chances]
        _, _, *deleted = at_once(*imports, *cleaners)
        evicted += sum(deleted)

        media = MediaObject.objects.get()
        assert media.refs_count == Post.objects.count() == 2
        with files.open(media.s3_key) as file:
            assert file.read() == source.body
        assert StoredObject.objects.filter(pk=media.s3_key).exists()
        Post.objects.all().delete()  # from now on no post uses it

    assert ROUNDS // 20 <= evicted <= ROUNDS - ROUNDS // 20, "one of them always came first"
    settled_ledger(files)
    cleanup.run(target_bytes=0, trigger="test", now=timezone.now())
    assert not in_bucket(files)
    assert not MediaObject.objects.exists()


def test_an_enrichment_never_points_to_a_result_that_was_cleaned_up(tenant, store, chance):
    post = factories.post(of=factories.channel(owner=tenant))
    PostEnrichment.objects.create(post=post, kind=EnrichmentKind.VISION)
    at = keys.vision(
        tenant_id=tenant.pk, sha256="a" * 64, provider="fake", model="fake", schema="1"
    )
    found = []

    for number in range(ROUNDS // 2):
        services.put_object(
            tenant=tenant,
            content_type="vision",
            key=at,
            body=b"%d" % number,
            mime="text/plain",
            now=timezone.now() - LONG_AGO,
        )
        delay, one = chance.random() * 0.02, random.Random(number)

        def settle(delay=delay):
            time.sleep(delay)
            with transaction.atomic():
                kept = services.lock_existing([at])
                PostEnrichment.objects.filter(post=post).update(s3_vision_keys=list(kept))
            return len(kept)

        kept, deleted = at_once(settle, lambda one=one: clean(one))
        found.append(kept)

        assert deleted == 1
        pointed_to = set(PostEnrichment.objects.get().s3_vision_keys)
        assert pointed_to <= set(in_ledger())

    assert ROUNDS // 20 <= sum(found) <= len(found) - ROUNDS // 20, "one of them always came first"
    settled_ledger(store)


@pytest.fixture
def tight(settings):
    settings.LIMITS = Limits(
        total_bytes=1000,
        emergency_bytes=900,
        tenant_bytes=1000,
        by_type={"media": 1000, "vision": 1000, "crawl": 1000, "album": 1000},
    )


@pytest.mark.usefixtures("tight")
def test_all_who_wait_for_room_get_it_and_only_one_cleans_up(tenant, store):
    for number in range(10):
        services.put_object(
            tenant=tenant,
            content_type="crawl",
            key=key(tenant, f"{number}", "crawl"),
            body=b"x" * 100,
            mime="text/html",
            now=timezone.now() - LONG_AGO,
        )
    at_work, most = [], []
    delete = store.delete

    def slowly(name):
        at_work.append(threading.get_ident())
        most.append(len(set(at_work)))
        time.sleep(0.01)
        delete(name)
        at_work.remove(threading.get_ident())

    store.delete = slowly

    def upload():
        services.put_object(
            tenant=tenant,
            content_type="media",
            key=key(tenant),
            body=b"y" * 100,
            mime="image/png",
            now=timezone.now(),
        )

    at_once(*[upload] * 8)

    assert max(most) == 1
    assert used() <= 1000
    assert StoredObject.objects.filter(content_type="media").count() == 8
    settled_ledger(store)


@pytest.mark.usefixtures("tight")
def test_who_waits_for_another_cleanup_gives_up_in_time(tenant, store, monkeypatch):
    monkeypatch.setattr(cleanup, "PATIENCE", timedelta(seconds=0.3))
    services.put_object(
        tenant=tenant,
        content_type="crawl",
        key=key(tenant, "old", "crawl"),
        body=b"x" * 1000,
        mime="text/html",
        now=timezone.now() - LONG_AGO,
    )

    def refused():
        with pytest.raises(services.QuotaExceeded):
            services.reserve(
                tenant=tenant,
                content_type="media",
                key=key(tenant),
                size_bytes=1,
                now=timezone.now(),
            )
        with pytest.raises(cleanup.CleanupRunning):
            cleanup.run(target_bytes=0, trigger="test", now=timezone.now())

    with advisory_locks.try_held(runner.LOCK) as mine:
        assert mine
        at_once(refused)

    assert used() == 1000


@pytest.fixture
def start(files):
    """Start cleanups in processes of their own; those that still run are killed at the end."""
    database = connection.settings_dict["NAME"]
    workers = []

    def make():
        arguments = [database, str(files.root)]
        worker = Python(
            "-m",
            "tests.integration.cleanup_crash_worker",
            *arguments,
            stdout=subprocess.PIPE,
        )
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        worker.kill()
        worker.wait()
        worker.stdout.close()


def test_a_cleanup_that_is_killed_again_and_again_loses_nothing(tenant, files, start):
    shown = factories.media_object(owner=tenant, stored=True)
    factories.post(of=factories.channel(owner=tenant), media=[shown])
    for number in range(40):
        factories.media_object(owner=tenant, stored=True)
        services.put_object(
            tenant=tenant,
            content_type="crawl",
            key=key(tenant, f"{number}", "crawl"),
            body=b"x",
            mime="text/html",
            now=timezone.now() - LONG_AGO,
        )
    MediaObject.objects.update(last_seen_at=timezone.now() - LONG_AGO)

    for _ in range(3):
        worker = start()
        for _ in range(3):
            assert worker.stdout.readline()
        worker.kill()
        worker.wait()
        wait_for_backends()

    rows = set(MediaObject.objects.values_list("s3_key", flat=True))
    assert rows <= set(in_ledger()) <= set(in_bucket(files))
    assert 1 < len(in_ledger()) < 81
    cleanup.run(target_bytes=0, trigger="test", now=timezone.now())
    settled_ledger(files)
    assert set(in_bucket(files)) == {shown.s3_key}
    assert MediaObject.objects.get() == shown
