"""What only a real S3 server shows: an outage and kills in mid-import, and how it keeps versions."""

import os
import random
import signal
import subprocess
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.db.models import Sum
from django.utils import timezone

from accounts import tenants
from events.workers import liveness
from media.services import imports
from media.sources.export import ExportSource
from storage_quota import cleanup, selectors, services
from storage_quota.cleanup import lifecycle
from storage_quota.models import Reservation
from storage_quota.object_store import StoreForbidden, StoreUnavailable, survey, use
from storage_quota.object_store.factory import where
from tests.processes import Python
from tests.storage_fixtures import in_bucket, in_ledger, key, used
from tests.unit.exports import chat, message, write

pytestmark = pytest.mark.django_db(transaction=True)

FILE_BYTES = 12_000_000
"""Three parts each."""
FILES = 4


@pytest.fixture
def quickly(monkeypatch):
    """Who is gone is certain after half a second."""
    liveness.stop()
    monkeypatch.setattr(liveness, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(liveness, "GONE_AFTER", 0.5)
    yield
    liveness.stop()


@pytest.fixture
def export(tmp_path) -> Path:
    noise, folder, posts = random.Random(1), tmp_path / "export", []
    for number in range(1, FILES + 1):
        path = folder / "files" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise.randbytes(FILE_BYTES))
        posts.append(message(number, file=f"files/{number}.bin"))
    return write(folder, chat(posts))


def take_in(folder):
    source = ExportSource(folder, zone=UTC)
    return imports.import_export(source=source, path=folder, tenant=tenants.default_tenant())


def reserved_bytes():
    return Reservation.objects.aggregate(size=Sum("size_bytes"))["size"] or 0


def assert_all_is_right(store):
    assert in_ledger() == in_bucket(store)
    assert used() == selectors.taken_in_all() == FILES * FILE_BYTES
    assert not Reservation.objects.exists()
    assert list(store.uploads()) == []


CHILD = """
import os, sys
import django
django.setup()
from datetime import UTC
from pathlib import Path
from django.conf import settings
from accounts import tenants
from events.workers import liveness
from media.services import imports
from media.sources.export import ExportSource
from storage_quota.object_store import get_store
settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
liveness.CHECK_EVERY, liveness.GONE_AFTER = 0.05, 0.5
sent = []
def hang(**_):
    sent.append(1)
    if len(sent) == 6:
        print("half", flush=True)
    if len(sent) >= 6:
        sys.stdin.read()
get_store().store._client.meta.events.register("before-send.s3.UploadPart", hang)
source = ExportSource(Path(sys.argv[1]), zone=UTC)
imports.import_export(source=source, path=Path(sys.argv[1]), tenant=tenants.default_tenant())
"""


@pytest.mark.costly
def test_an_import_killed_again_and_again_reserves_its_bytes_once(
    real_server, real_s3, export, quickly
):
    settings = connections["default"].settings_dict
    environment = os.environ | real_server.variables
    environment |= {"S3_BUCKET_NAME": real_s3._bucket, "TEST_DATABASE": settings["NAME"]}
    environment |= {"DJANGO_SETTINGS_MODULE": "telegram_assistant.settings"}
    for _ in range(2):
        with Python(
            "-c",
            CHILD,
            export,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout.readline() == "half\n"
            child.send_signal(signal.SIGKILL)
        assert 0 < reserved_bytes() <= FILES * FILE_BYTES
        held = sum(map(real_s3.upload_bytes, real_s3.uploads()))
        assert 0 < held <= reserved_bytes()

    with use(real_s3):
        assert take_in(export).clean

    assert_all_is_right(real_s3)


def test_old_versions_count_expire_by_rules_and_go_in_a_cleanup(real_server, tenant):
    def stored(name, body, age):
        services.put_object(
            tenant=tenant,
            content_type="crawl",
            key=key(tenant, name, "crawl"),
            body=body,
            mime="application/pdf",
            now=timezone.now() - timedelta(days=age),
        )

    with real_server.bucket(versioned=True) as bucket, use(real_server.store(bucket)) as store:
        assert lifecycle.sync().missing == ()
        assert lifecycle.compare().missing == ()
        found = survey.take(store, where(), now=timezone.now())
        assert (found.versioning, found.expires_old) == ("Enabled", True)
        stored("a", b"x" * 10, age=9)
        stored("a", b"y" * 10, age=9)
        stored("b", b"z" * 10, age=8)
        services.remove([key(tenant, "b", "crawl")], now=timezone.now())
        held = sum(version.size_bytes for version in store.old_versions())
        assert selectors.taken_in_all() == 10 + held == 30

        cleanup.run(target_bytes=10, trigger="test", now=timezone.now())

        assert in_ledger() == in_bucket(store) == {key(tenant, "a", "crawl"): 10}
        assert sum(version.size_bytes for version in store.old_versions()) == 0
        cleanup.run(target_bytes=0, trigger="test", now=timezone.now())
        assert selectors.taken_in_all() == 0
        assert sum(version.size_bytes for version in store.old_versions()) == 0


def test_a_clock_that_is_off_is_named(real_s3, monkeypatch):
    from botocore import auth  # noqa: PLC0415 - only its clock is set

    true_time = auth.get_current_datetime
    monkeypatch.setattr(auth, "get_current_datetime", lambda: true_time() - timedelta(minutes=20))

    with pytest.raises(StoreForbidden, match="clock of this machine"):
        list(real_s3.list())


def test_an_outage_in_mid_import_leaves_nothing_that_does_not_count(real_server, real_s3, export):
    """
    The gateway is killed while parts of every file are in it.

    The last test: a killed gateway keeps its locks on lifecycle rules for a minute.
    """
    store, sent = real_s3, []

    def kill_at_the_fifth(**_):
        sent.append(1)
        if len(sent) == 5:
            real_server.kill()

    store._client.meta.events.register("before-send.s3.UploadPart", kill_at_the_fifth)
    with use(store):
        with pytest.raises(StoreUnavailable):
            take_in(export)
        left = reserved_bytes()
        # While it is away, a repetition takes nothing away from what is counted.
        with pytest.raises(StoreUnavailable):
            take_in(export)
        store._client.meta.events.unregister("before-send.s3.UploadPart", kill_at_the_fifth)
        assert reserved_bytes() >= left > 0
        real_server.again()

        uploads = list(store.uploads())
        assert uploads
        assert sum(map(store.upload_bytes, uploads)) <= reserved_bytes()
        assert {upload.key for upload in uploads} <= set(
            Reservation.objects.values_list("key", flat=True)
        )
        assert take_in(export).clean

    assert_all_is_right(store)
