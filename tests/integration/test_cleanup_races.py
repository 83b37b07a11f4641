"""Cleanups against imports, analyses and each other: real threads, processes and database."""

import os
import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import Tenant
from events.delivery import recovery
from events.postgresql import advisory_locks
from events.workers import liveness
from media.models import MediaObject, Post
from media.services.pipeline.in_flight import import_messages
from media.sources.port import Attachment, MediaKind, Message
from storage_quota import cleanup, keys, selectors, services, tasks
from storage_quota.cleanup import runner
from storage_quota.models import Reservation, StoredObject
from storage_quota.reserve import RESERVATION_TTL
from telegram_assistant.config import Limits
from tests import factories
from tests.acceptance.product import wait_until
from tests.concurrency import wait_for_backends
from tests.integration import cleanup_crash_worker
from tests.processes import SetUpPython
from tests.storage_fixtures import in_bucket, in_ledger, key, used
from vision.models import EnrichmentKind, PostEnrichment

pytestmark = pytest.mark.django_db(transaction=True)

FEW_AND_MANY = [30, pytest.param(200, marks=pytest.mark.long)]
"""Rounds: so few that each order of events comes several times, and what chance adds to that."""
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


def clean(chance, *, more=0.0):
    """Plan, wait, execute: the longer the wait, the more has changed. `more` are seconds of it."""
    now = timezone.now()
    chosen = cleanup.plan(target_bytes=0, now=now)
    time.sleep(chance.random() * 0.02 + more)
    return cleanup.execute(chosen, now=now).deleted_count


def settled_ledger(bucket):
    """Release what is expired, then check that bucket and ledger agree to the byte."""
    services.release_expired(now=timezone.now() + 2 * RESERVATION_TTL)
    assert in_bucket(bucket) == in_ledger()
    assert used() == sum(in_ledger().values())
    assert not Reservation.objects.exists()


@pytest.mark.parametrize("rounds", FEW_AND_MANY)
def test_a_picture_is_imported_again_and_again_while_it_is_cleaned_up(
    tenant, files, chance, rounds
):
    channels = [factories.channel(owner=tenant) for _ in range(2)]
    source = OnePicture()
    evicted, head_start = 0, 0.0  # that cleanups have, in seconds; negative: imports

    for number in range(1, rounds + 1):
        delays = [chance.random() * 0.02 + max(head_start, 0) for _ in channels]
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
        more = max(-head_start, 0)
        cleaners = [lambda one=one, more=more: clean(one, more=more) for one in chances]
        _, _, *deleted = at_once(*imports, *cleaners)
        evicted += sum(deleted)
        # Whoever was late is earlier next time: both come first on a machine of any speed.
        head_start += -0.01 if any(deleted) else 0.01

        media = MediaObject.objects.get()
        assert media.refs_count == Post.objects.count() == 2
        with files.open(media.s3_key) as file:
            assert file.read() == source.body
        assert StoredObject.objects.filter(pk=media.s3_key).exists()
        Post.objects.all().delete()  # from now on no post uses it

    assert rounds // 20 <= evicted <= rounds - rounds // 20, "one of them always came first"
    settled_ledger(files)
    cleanup.run(target_bytes=0, trigger="test", now=timezone.now())
    assert not in_bucket(files)
    assert not MediaObject.objects.exists()


@pytest.mark.parametrize("rounds", FEW_AND_MANY)
def test_an_enrichment_never_points_to_a_result_that_was_cleaned_up(tenant, store, chance, rounds):
    post = factories.post(of=factories.channel(owner=tenant))
    PostEnrichment.objects.create(post=post, kind=EnrichmentKind.VISION)
    at = keys.vision(
        tenant_id=tenant.pk, sha256="a" * 64, provider="fake", model="fake", schema="1"
    )
    found = []

    for number in range(rounds // 2):
        services.put_object(
            tenant=tenant,
            content_type="vision",
            key=at,
            body=b"%d" % number,
            mime="text/plain",
            now=timezone.now() - LONG_AGO,
        )
        # Now the one goes ahead, now the other, now both are close: whatever else the machine does.
        delay = (0.0, chance.random() * 0.02, 0.1)[number % 3]
        one = random.Random(number)

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

    assert rounds // 20 <= sum(found) <= len(found) - rounds // 20, "one of them always came first"
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
            mime="application/pdf",
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
        mime="application/pdf",
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


TOTAL, EMERGENCY, TARGET = 20_000, 18_000, 6_000


@pytest.fixture
def threshold(settings):
    types = dict.fromkeys(("media", "vision", "crawl", "album"), TOTAL)
    settings.LIMITS = Limits(TOTAL, EMERGENCY, TOTAL, types)
    settings.CLEANUP = replace(settings.CLEANUP, target_bytes=TARGET)


@pytest.fixture
def kill_at(files, threshold):
    """Have a cleanup killed at a step, in a process of its own."""
    arguments = [connection.settings_dict["NAME"], files.root, TOTAL, EMERGENCY, TARGET]
    parent = SetUpPython(
        "-m", "tests.integration.cleanup_crash_worker", *arguments,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
    )  # fmt: skip

    def _(step):
        parent.stdin.write(f"{step}\n".encode())
        os.kill(int(parent.stdout.readline()), signal.SIGKILL)
        wait_for_backends()

    yield _
    parent.communicate()


def fill(tenant, step):
    """Objects that nobody needs, up to the threshold; the ages are all the same."""
    missing = (EMERGENCY - used()) // 1000 + 1
    for number in range(missing):
        services.put_object(
            tenant=tenant,
            content_type="crawl",
            key=key(tenant, f"{step} {number}", "crawl"),
            body=b"x" * 1000,
            mime="application/pdf",
            now=timezone.now() - LONG_AGO,
        )


def is_due() -> bool:
    """Whether a cluster would take the task out of the queue now."""
    return OrmQ.objects.filter(lock__lte=timezone.now()).exists()


@pytest.mark.costly
def test_a_cleanup_killed_at_any_step_goes_on_to_its_target_and_loses_nothing(
    tenant, files, kill_at, monkeypatch
):
    """A killed one must not be taken for done because usage is below the threshold by then."""
    monkeypatch.setattr(liveness, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(liveness, "GONE_AFTER", 0.5)
    shown = factories.media_object(owner=tenant, stored=True)
    factories.post(of=factories.channel(owner=tenant), media=[shown])
    factories.media_object(owner=tenant, stored=True)
    MediaObject.objects.update(last_seen_at=timezone.now() - LONG_AGO)

    for step in cleanup_crash_worker.STEPS:
        fill(tenant, step)
        cleanup.ring()
        kill_at(step)

        rows = set(MediaObject.objects.values_list("s3_key", flat=True))
        assert rows <= set(in_ledger()) <= set(in_bucket(files)), step
        assert sum(in_bucket(files).values()) <= selectors.taken_in_all(), step
        assert wait_until(lambda: recovery.run_all() or is_due(), seconds=10), step
        tasks.emergency_cleanup()
        settled_ledger(files)
        assert TARGET - 3_000 <= used() <= TARGET, step
        assert shown.s3_key in in_bucket(files), step
        OrmQ.objects.all().delete()
    assert tasks.emergency_cleanup() == "there is room"
