"""The quota and a vision result: a no is obeyed, trouble is survived, the analysis never lost."""

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Tenant
from events.delivery import worker
from events.models import Delivery, DeliveryState, OutboxEvent
from storage_quota.metrics import VIOLATIONS
from storage_quota.models import Reservation, StoredObject, TenantUsage
from storage_quota.object_store import get_store
from telegram_assistant.config import Limits
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
def failing():
    """PostgreSQL itself refuses the first `times` changes of vision's rows in a table."""
    tables = []

    def arrange(table, action, times):
        tables.append(table)
        with connection.cursor() as cursor:
            cursor.execute("CREATE SEQUENCE failures")
            cursor.execute(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF NEW.content_type = 'vision' AND nextval('failures') <= {times}"
                " THEN RAISE lock_not_available; END IF; RETURN NEW; END $$"
            )
            cursor.execute(
                f"CREATE TRIGGER fail BEFORE {action} ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION fail()"
            )

    yield arrange
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DROP TRIGGER fail ON {table}")
            cursor.execute("DROP FUNCTION fail")
            cursor.execute("DROP SEQUENCE failures")


@pytest.fixture
def log(log_lines):
    """The warnings about documents that are not stored."""
    return lambda: [
        line for line in log_lines("vision.analysis.cache") if line["level"] == "warning"
    ]


def told() -> int:
    return OutboxEvent.objects.filter(topic="posts.vision.analyzed").count()


def in_vision() -> list[str]:
    """The keys in the store, which the ledger must know exactly."""
    keys = [info.key for info in get_store().list("vision/")]
    assert set(keys) == set(
        StoredObject.objects.filter(content_type="vision").values_list("key", flat=True)
    )
    return keys


def lines_with_their_event(log) -> list[str]:
    event = OutboxEvent.objects.get(topic="posts.vision.uploaded")
    sha256 = event.payload["media_files"][0]["sha256"]
    about = (event.trace_id, event.tenant_id, sha256)
    lines = log()
    assert {(line["trace_id"], line["tenant_id"], line["sha256"]) for line in lines} == {about}
    assert all(line["error_type"] and "Traceback" in line["exception"] for line in lines)
    return [line["event"] for line in lines]


def test_fact_035_a_checker_that_raises_keeps_no_result_out(archive, failing, log):
    """
    What “raises” can mean where checking is promising: a transaction in PostgreSQL.

    It fails and is asked again, as here; the promise of the second time is as exact as any,
    so no limit is passed by a byte. If it fails again, the analysis succeeds without its
    object (the next test but one). If PostgreSQL is away altogether, neither object nor
    analysis can be written anywhere, and the delivery comes again later.
    """
    failing("storage_quota_reservation", "INSERT", times=1)
    archive.post(b"one")

    worker.drain("vision")

    row = PostEnrichment.objects.get()
    assert row.s3_vision_keys == in_vision() != []
    assert told() == 1
    [line] = lines_with_their_event(log)
    assert "could not be stored, trying once more: OperationalError" in line
    assert not Reservation.objects.exists()


def test_fact_035_own_limits_that_cannot_be_read_keep_no_result_out(archive, settings, log):
    """The other way to raise: a tenant's settings were spoilt. The installation's limits hold."""
    archive.post(b"one")
    Tenant.objects.update(settings={"limits": "spoilt"})

    worker.drain("vision")

    assert PostEnrichment.objects.get().s3_vision_keys == in_vision() != []
    assert "LimitsUnknown" in lines_with_their_event(log)[0]


def test_own_limits_that_cannot_be_read_pass_no_other_limit(archive, settings, log):
    archive.post(b"one")
    Tenant.objects.update(settings={"limits": "spoilt"})
    _only_one_byte_for_vision(settings)

    worker.drain("vision")

    assert in_vision() == PostEnrichment.objects.get().s3_vision_keys == []
    assert told() == 1


def test_fact_035_a_checker_that_keeps_raising_costs_the_object_not_the_analysis(
    archive, failing, log
):
    failing("storage_quota_reservation", "INSERT", times=2)
    archive.post(b"one")

    worker.drain("vision")

    assert in_vision() == PostEnrichment.objects.get().s3_vision_keys == []
    assert told() == 1
    assert "is not stored: OperationalError" in lines_with_their_event(log)[-1]


def test_fact_036_a_checker_that_refuses_is_obeyed_and_counted(archive, settings, log):
    archive.post(b"one")
    _only_one_byte_for_vision(settings)
    violations = VIOLATIONS.labels(str(archive.tenant.pk), "type_limit")
    before = violations._value.get()

    worker.drain("vision")

    assert in_vision() == PostEnrichment.objects.get().s3_vision_keys == []
    assert told() == 1
    assert violations._value.get() == before + 1
    assert "is not stored: QuotaExceeded: vision_limit" in lines_with_their_event(log)[0]


def test_fact_037_usage_that_cannot_be_entered_keeps_no_analysis_back(archive, failing, log):
    failing("tenant_storage_usage", "UPDATE", times=2)
    archive.post(b"one")

    worker.drain("vision")

    assert PostEnrichment.objects.get().status == "ok"
    assert told() == 1
    first, second = lines_with_their_event(log)
    assert "OperationalError" in first
    assert "is not stored: OperationalError" in second
    assert in_vision() == []
    assert not TenantUsage.objects.filter(content_type="vision", total_bytes__gt=0).exists()


def test_fact_037_usage_that_is_entered_the_second_time_is_entered_once(archive, failing):
    failing("tenant_storage_usage", "UPDATE", times=1)
    archive.post(b"one")

    worker.drain("vision")

    [info] = get_store().list("vision/")
    usage = TenantUsage.objects.get(content_type="vision")
    assert (usage.total_bytes, usage.objects_count) == (info.size_bytes, 1)
    assert in_vision() == PostEnrichment.objects.get().s3_vision_keys


def test_fact_034_the_same_event_twice_is_charged_once(archive):
    archive.post(b"one")
    worker.drain("vision")
    before = TenantUsage.objects.get(content_type="vision").total_bytes
    again = {"state": DeliveryState.PENDING, "due_at": timezone.now()}
    Delivery.objects.filter(subscriber="vision.analyze").update(**again)

    worker.drain("vision")

    usage = TenantUsage.objects.get(content_type="vision")
    assert (usage.total_bytes, usage.objects_count) == (before, 1)


def _only_one_byte_for_vision(settings) -> None:
    limits = settings.LIMITS
    settings.LIMITS = Limits(
        total_bytes=limits.total_bytes, emergency_bytes=limits.emergency_bytes,
        tenant_bytes=limits.tenant_bytes, by_type={**limits.by_type, "vision": 1},
    )  # fmt: skip
