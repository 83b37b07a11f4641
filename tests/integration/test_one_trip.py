"""Several statements in one round trip mean what they mean one after the other."""

import threading

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from events.postgresql import one_trip
from storage_quota.models import TenantUsage
from tests import factories
from tests.acceptance.product import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def usage():
    tenant, now = factories.tenant(), timezone.now()
    return TenantUsage(
        tenant=tenant, content_type="media", total_bytes=1, last_updated=now, created_at=now
    )


def test_rows_can_be_inserted_changed_read_and_deleted(usage):
    rows = TenantUsage.objects.filter(tenant=usage.tenant)
    inserted, changed, found, deleted, left = one_trip.fetch(
        one_trip.insert(usage),
        one_trip.update(rows, total_bytes=F("total_bytes") + 41, last_updated=usage.created_at),
        one_trip.select(rows),
        one_trip.delete(rows),
        one_trip.select(rows),
    )
    [row] = one_trip.objects(TenantUsage, found)

    assert (inserted, changed, deleted, left) == ([], [], [], [])
    assert (row.total_bytes, row.pk, row.created_at) == (42, usage.pk, usage.created_at)
    assert not row._state.adding


def test_what_is_read_after_a_lock_is_what_its_last_holder_left(usage):
    """One snapshot for all would show what was there before the wait."""
    usage.save()
    rows = TenantUsage.objects.filter(pk=usage.pk).values_list("total_bytes")
    seen = []

    def wait_and_read():
        try:
            seen.append(one_trip.fetch(one_trip.turn("tests.turn"), one_trip.select(rows))[1])
        finally:
            connection.close()

    with transaction.atomic():
        one_trip.fetch(one_trip.turn("tests.turn"))
        reader = threading.Thread(target=wait_and_read)
        reader.start()
        assert wait_until(_somebody_waits, seconds=20)
        TenantUsage.objects.filter(pk=usage.pk).update(total_bytes=7)
    reader.join()

    assert seen == [[(7,)]]


def _somebody_waits():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0] > 0
