"""What is counted of analyses, and the gauges of budgets and backlogs, whose cost has a bound."""

import pytest
from django.db import connection
from prometheus_client.parser import text_string_to_metric_families

from events.delivery import figures
from events.metrics import scrape
from telegram_assistant.metrics import exposition
from tests.counted import Growth
from tests.integration.paid import drain, with_settings
from vision import gauges
from vision.providers.port import ErrorClass, ProviderRefused

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ocr")]


@pytest.fixture
def vision(settings):
    def change(**values):
        settings.VISION = with_settings(settings.VISION, **values)

    return change


@pytest.fixture
def growth():
    return Growth()


@pytest.fixture
def asked(growth, archive):
    """How many more analyses there are of a provider and status."""

    def of(provider, status):
        return growth(
            "vision_analysis_requests_total",
            provider=provider, status=status, tenant=str(archive.tenant.pk),
        )  # fmt: skip

    return of


def shown(name: str) -> dict[tuple[str, ...], float]:
    """The samples of the gauge by the values of their labels, in the order of their names."""
    scrape.forget()
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition.page()[0].decode())
        for sample in family.samples
        if sample.name == name
    }


def test_a_picture_that_is_read_is_one_request_one_duration_and_no_token(archive, asked, growth):
    archive.post(b"one")
    drain(rounds=3)

    assert (asked("ocr_fallback", "success"), asked("ocr_fallback", "error")) == (1, 0)
    taken = sum(
        growth("vision_analysis_duration_seconds_count", provider="ocr_fallback", has_ocr=has_ocr)
        for has_ocr in ("true", "false")
    )
    assert taken == 1
    assert (
        growth("vision_policy_decisions_total", decision="ocr", reason="vision_not_configured") == 1
    )
    tenant = str(archive.tenant.pk)
    assert growth("vision_tokens_used_total", provider="ocr_fallback", tenant=tenant) == 0


@pytest.mark.costly
def test_the_paid_provider_is_counted_with_the_tokens_of_its_answers(archive, paid, asked, growth):
    paid.prices = [1320, 107]
    archive.post(b"one")
    drain()
    archive.post(b"two")
    drain()

    tenant = str(archive.tenant.pk)
    assert growth("vision_tokens_used_total", provider="gigachat", tenant=tenant) == 1427
    assert (asked("gigachat", "success"), asked("ocr_fallback", "success")) == (2, 0)
    archive.post(b"one")  # the same picture again costs nothing
    drain()
    assert growth("vision_tokens_used_total", provider="gigachat", tenant=tenant) == 1427
    assert growth("vision_cache_hits_total", cache_type="row") == 1
    assert asked("gigachat", "success") == 2


def test_what_the_provider_refuses_is_an_error_and_then_read(archive, paid, asked):
    paid.script = [
        ProviderRefused("no", "no picture", error_class=ErrorClass.NON_RETRYABLE_VALIDATION)
    ]
    archive.post(b"one")
    drain()

    assert (asked("gigachat", "error"), asked("gigachat", "success")) == (1, 0)
    assert asked("ocr_fallback", "success") == 1


def test_fact_052_a_picture_without_tokens_is_blocked_and_waits(
    archive, paid, vision, asked, growth
):
    vision(vision_max_daily_tokens=0)
    archive.post(b"one")
    drain()

    tenant = str(archive.tenant.pk)
    assert asked("gigachat", "blocked") == 1
    assert growth("vision_budget_gate_blocks_total", tenant_id=tenant, reason="daily_limit") == 1
    assert shown("vision_pictures_waiting") == {("daily_limit", tenant): 1}
    assert shown("vision_budget_usage_gauge")[(tenant,)] == 1.0


@pytest.mark.costly
def test_the_gauge_of_the_budget_is_a_share_and_there_from_the_start(archive, paid, vision):
    vision(vision_max_daily_tokens=10_000)
    tenant = str(archive.tenant.pk)
    assert shown("vision_budget_usage_gauge") == {(tenant,): 0.0}
    paid.tokens = 2_500

    archive.post(b"one")
    drain()

    assert shown("vision_budget_usage_gauge") == {(tenant,): 0.25}
    assert shown("vision_budget_usage_tokens")["day", tenant] == 2_500


def test_a_backlog_is_counted_up_to_a_limit(archive, paid, vision, monkeypatch):
    monkeypatch.setattr(gauges, "COUNTED", 2)
    vision(vision_max_daily_tokens=0)
    for number in range(4):
        archive.post(f"{number}".encode())
    drain()

    assert shown("vision_pictures_waiting") == {("daily_limit", str(archive.tenant.pk)): 2}


def test_the_backlog_is_counted_from_its_index_alone(archive):
    with connection.cursor() as cursor:
        # Whatever the statistics of the few rows here say of other ways.
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {gauges._WAITING}", [10])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Index Only Scan using paid_analysis_backlog" in plan


@pytest.mark.costly
def test_tasks_are_shown_by_subscriber_while_they_wait_and_when_they_failed(
    archive, growth, monkeypatch
):
    monkeypatch.setattr(figures, "COUNTED", 3)
    for number in range(5):
        archive.post(f"{number}".encode(), grouped_id=number + 1)
    assert shown("stream_pending_size")["albums.collect",] == 3
    assert shown("stream_overdue_seconds")["albums.collect",] >= 0
    drain()

    assert shown("stream_pending_size")["albums.collect",] == 0
    assert shown("stream_dead_size")["albums.collect",] == 0
    assert growth("stream_messages_total", subscriber="albums.collect", outcome="done") == 5


def test_a_task_that_is_given_up_is_counted_as_dead(archive, growth, monkeypatch):
    from albums.services import collect  # noqa: PLC0415 - only here

    monkeypatch.setattr(collect, "_update", lambda *_: 1 / 0)
    archive.post(b"one", grouped_id=1)
    drain(rounds=20, queues=("default",))

    assert shown("stream_dead_size")["albums.collect",] == 1
    assert growth("stream_messages_total", subscriber="albums.collect", outcome="dead") == 1
    assert growth("albums_parsed_total", status="error") == 1 + growth(
        "stream_messages_total", subscriber="albums.collect", outcome="failed"
    )
