"""Several statements in one round trip mean what they mean one after the other."""

import threading

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
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
    rows, key = TenantUsage.objects.filter(tenant=usage.tenant), [usage.pk]
    inserted, changed, found, deleted, left = one_trip.fetch(
        one_trip.insert(usage),
        ("UPDATE tenant_storage_usage SET total_bytes = total_bytes + 41 WHERE id = %s", key),
        one_trip.select(rows),
        ("DELETE FROM tenant_storage_usage WHERE id = %s", key),
        one_trip.select(rows),
    )
    [row] = one_trip.objects(TenantUsage, found)

    assert (inserted, changed, deleted, left) == ([], [], [], [])
    assert (row.total_bytes, row.pk, row.created_at) == (42, usage.pk, usage.created_at)
    assert not row._state.adding


def test_every_column_is_read_in_the_order_in_which_objects_takes_them(usage):
    usage.save()

    by_hand, by_django = one_trip.fetch(
        (f"{one_trip.every(TenantUsage)} WHERE id = %s", [usage.pk]),
        one_trip.select(TenantUsage.objects.filter(pk=usage.pk)),
    )

    assert by_hand == by_django


def test_what_follows_a_lock_sees_what_its_last_holder_left(usage):
    usage.save()
    total = ("SELECT total_bytes FROM tenant_storage_usage WHERE id = %s", [usage.pk])
    seen = []

    def wait_and_read():
        try:
            with transaction.atomic():
                seen.append(one_trip.locked(TenantUsage, usage.pk, total))
        finally:
            connection.close()

    with transaction.atomic():
        assert one_trip.locked(TenantUsage, usage.pk) == []
        reader = threading.Thread(target=wait_and_read)
        reader.start()
        assert wait_until(_somebody_waits, seconds=20)
        TenantUsage.objects.filter(pk=usage.pk).update(total_bytes=7)
    reader.join()

    assert seen == [[[(7,)]]]


def test_a_row_that_is_not_there_cannot_be_locked(usage):
    with pytest.raises(TenantUsage.DoesNotExist), transaction.atomic():
        one_trip.locked(TenantUsage, usage.pk)


def test_outside_of_a_transaction_a_lock_would_protect_nothing(usage):
    usage.save()

    with pytest.raises(TransactionManagementError):
        one_trip.locked(TenantUsage, usage.pk)


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
        # Of a row one waits for the transaction that holds it. pg_stat_activity would not do: within a
        # transaction it shows what it showed first.
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE locktype IN ('advisory', 'transactionid') AND NOT granted"
        )
        return cursor.fetchone()[0] > 0
