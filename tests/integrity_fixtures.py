"""Fixtures for checks of ledger and bucket: an archive, and ways to damage it. All times are days later."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from storage_quota import keys, services
from storage_quota.integrity.compare_ledger_and_bucket import CheckOptions
from storage_quota.integrity.verify import VerifyRequest, verify
from storage_quota.models import Reservation
from storage_quota.object_store import get_store, use
from storage_quota.object_store.files import FileStore
from storage_quota.object_store.memory import MemoryStore
from tests.storage_fixtures import in_bucket, in_ledger

DAYS = timedelta(days=3)
NOTHING_LOST = {
    "missing": 0,
    "orphaned": 0,
    "wrong_size": 0,
    "wrong_hash": 0,
    "usage_drift": 0,
    "leaked_reservation": 0,
}


@pytest.fixture(params=["memory", "files", "s3"])
def any_store(request, tmp_path):
    """Use each of the three stores in turn."""
    if request.param == "s3":
        store = request.getfixturevalue("s3")
    elif request.param == "files":
        (tmp_path / "bucket").mkdir()
        store = FileStore(tmp_path / "bucket")
    else:
        store = MemoryStore()
    with use(store):
        yield store


@pytest.fixture
def later():
    """A time at which everything a test stored is older than the grace period."""
    return timezone.now() + DAYS


@pytest.fixture
def checked(later):
    """Run a check: `checked(percent=…)`, and with `repair=True` a repair."""

    def run(*, now=None, grace=timedelta(hours=24), until=float("inf"), **wanted):
        options = CheckOptions(
            now=now or later,
            grace=grace,
            until=until,
            count_orphans=not wanted.get("dry_run"),
        )
        return verify(get_store(), request=VerifyRequest(**wanted), options=options)

    return run


@pytest.fixture
def stored_keys(tenant):
    """Four media and two documents: returns their keys in order."""
    media = [medium(tenant, f"picture {n}".encode()) for n in range(4)]
    return sorted([*media, document(tenant, "a"), document(tenant, "b", "album")])


def medium(tenant, body):
    """Store a medium under the key of its content; returns the key."""
    sha256 = hashlib.sha256(body).hexdigest()
    key = keys.media(tenant_id=tenant.pk, sha256=sha256, mime="image/png")
    services.put_object(
        tenant=tenant,
        content_type="media",
        key=key,
        body=body,
        mime="image/png",
        now=timezone.now(),
    )
    return key


def document(tenant, name="", content_type="vision", key=""):
    key = key or f"{content_type}/{tenant.pk}/{name}.json"
    services.put_json(
        tenant=tenant,
        content_type=key.split("/")[0],
        key=key,
        data={"name": name},
        now=timezone.now(),
    )
    return key


def smuggle(key, body=b"stray"):
    """Put an object into the bucket without an entry in the ledger."""
    reservation = Reservation(key=key, size_bytes=max(1, len(body)))
    get_store().put(reservation, body, mime="image/png")
    return key


def objects():
    """Sizes of the objects in the bucket by key, without the marker."""
    found = in_bucket(get_store())
    return {key: size for key, size in found.items() if not key.startswith(keys.MARKERS)}


def ledger_matches_the_bucket():
    return objects() == in_ledger()


def found(report):
    """Counts of the differences found, without zeros: `{"missing": 1}`."""
    return {kind: count for kind, count in report.found.items() if count}
