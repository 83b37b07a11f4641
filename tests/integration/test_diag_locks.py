"""`manage.py diag_locks`: who waits for whom, for what, and for how long."""

import io
import json
import threading
import time
import uuid

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection, connections, transaction

from accounts.models import Tenant
from events.inspection import locks
from events.postgresql import advisory_locks
from events.workers import heartbeats, liveness
from storage_quota.reservations.locks import BUCKET

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "a text of a post that nobody else should read"


def begun(work):
    """Begin `work` in a thread with a connection of its own; the caller joins it."""

    def run():
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def waiting(number=1):
    """The report, once so many sessions wait."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        report = locks.report()
        if len(report.waiting) >= number:
            return report
        time.sleep(0.02)
    pytest.fail("nobody waits")


def printed(*arguments):
    out = io.StringIO()
    call_command("diag_locks", *arguments, stdout=out)
    return out.getvalue()


def my_pid():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_nobody_waits():
    assert printed() == "Nobody waits.\n"
    assert json.loads(printed("--json"))["waiting"] == []


def test_an_update_that_waits_for_a_row_names_table_statement_and_blocker():
    tenant = Tenant.objects.create(name="first")

    def rename():
        Tenant.objects.filter(pk=tenant.pk).update(name=SECRET)

    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=tenant.pk)
        thread = begun(rename)
        report, text = waiting(), printed()
    thread.join(20)

    [one] = report.waiting
    assert one.lock == "a row of accounts_tenant"
    assert one.statement.startswith('UPDATE "accounts_tenant" SET "name" = ')
    assert [session.pid for session in one.behind] == [my_pid()]
    assert one.behind[0].transaction_seconds is not None
    assert 0 <= one.seconds < 10
    assert "1 sessions wait." in text
    assert f"behind: pid {my_pid()}" in text
    assert SECRET not in text + json.dumps(report.as_dict())


def test_a_change_of_a_table_waits_for_its_readers_and_blocks_all_who_come_later():
    """The trap that the migration guide warns of; who looks is not caught in it."""

    def alter():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE accounts_tenant IN ACCESS EXCLUSIVE MODE")

    def look():
        reports.append(waiting(2))

    reports = []
    with transaction.atomic():
        list(Tenant.objects.all())  # holds a share lock until the transaction ends
        others = [begun(alter)]
        waiting()
        others.append(begun(lambda: list(Tenant.objects.all())))
        begun(look).join(20)
    for other in others:
        other.join(20)

    [report] = reports
    assert {one.lock for one in report.waiting} == {
        "AccessExclusiveLock on relation accounts_tenant",
        "AccessShareLock on relation accounts_tenant",
    }


def test_an_advisory_lock_has_the_name_that_rooms_give_it():
    tenant = Tenant.objects.create(name="Alice")

    def reserve():
        with transaction.atomic():
            advisory_locks.in_turn(BUCKET)

    with transaction.atomic():
        advisory_locks.in_turn(BUCKET)
        advisory_locks.in_turn(f"vision:tenant:{tenant.pk}")
        advisory_locks.in_turn(f"unknown {uuid.uuid4()}")
        thread = begun(reserve)
        report, text = waiting(), printed("--advisory")
    thread.join(20)

    assert report.waiting[0].lock == f"advisory lock {BUCKET}"
    names = {lock.name: lock.pids for lock in report.advisory}
    assert names[BUCKET] == (my_pid(),)
    assert f"vision:tenant:{tenant.pk}" in names
    assert sum(name.startswith("number ") for name in names) == 1
    assert BUCKET in text.split("Advisory lock", 1)[1]


def test_the_lock_of_a_worker_is_known_by_its_id():
    heartbeats.beat(["default"])
    try:
        names = [lock.name for lock in locks.report().advisory]
        assert f"worker:{liveness.worker_id()}" in names
        heartbeats.end()
        assert "worker without a heartbeat" in [lock.name for lock in locks.report().advisory]
    finally:
        liveness.stop()


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("SELECT 1", "SELECT 1"),
        ("UPDATE t SET a = 'it''s secret', b = 2", "UPDATE t SET a = '…', b = 2"),
        ("UPDATE t SET a = 'cut off in the mid", "UPDATE t SET a = '…'"),
        ("SELECT\n   1", "SELECT 1"),
    ],
)
def test_values_in_statements_are_masked(statement, shown):
    assert locks._masked(statement) == shown


def test_without_a_database_it_ends_with_1(monkeypatch):
    def away():
        raise OperationalError("no route to host")

    monkeypatch.setattr(locks, "report", away)

    with pytest.raises(CommandError, match="PostgreSQL does not answer: no route to host"):
        printed()
