"""A provider that hangs: each probe may be billed, so they become seldom; fact 62 is in test_vision_paid."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.integration.paid import budget_totals, event_of, with_settings
from vision.limits import circuit_breaker
from vision.models import ProviderHealth
from vision.providers.port import ErrorClass, ProviderBusy
from vision.services import analyze

pytestmark = pytest.mark.django_db
PROVIDER = "gigachat"
MINUTE = timedelta(minutes=1)


def asked_in(hours: int, *, maybe_billed: bool) -> list[int]:
    """How many calls are made in each hour, where a picture wants one every ten seconds and all fail."""
    start, calls = timezone.now(), [0] * hours
    for step in range(hours * 360):
        now = start + timedelta(seconds=10 * step)
        row = ProviderHealth.objects.filter(provider=PROVIDER).first()
        if circuit_breaker.admit(PROVIDER, row, now=now).allowed:
            calls[step // 360] += 1
            circuit_breaker.failed(PROVIDER, details="", now=now, maybe_billed=maybe_billed)
    return calls


def rest() -> timedelta:
    row = ProviderHealth.objects.get()
    assert row.open_until is not None
    return row.open_until - row.updated_at


def unanswered() -> ProviderBusy:
    return ProviderBusy("timeout", error_class=ErrorClass.RETRYABLE_NETWORK, maybe_billed=True)


@pytest.mark.costly
def test_where_no_call_is_answered_a_day_has_few():
    first, *others = asked_in(5, maybe_billed=True)

    assert first <= 5 + 6
    assert max(others) <= 4


@pytest.mark.costly
def test_what_costs_nothing_is_tried_every_minute():
    assert min(asked_in(3, maybe_billed=False)) >= 55


@pytest.mark.costly
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("ocr")
def test_each_unanswered_probe_doubles_the_minute_up_to_a_quarter_of_an_hour(
    archive, paid, settings
):
    settings.VISION = with_settings(settings.VISION, vision_api_max_retries=0)
    paid.script = [unanswered()] * 11
    rests = []

    for number in range(11):
        ProviderHealth.objects.filter(failures__gte=5).update(open_until=timezone.now())
        post = archive.post(f"{number}".encode())
        analyze.analyze_post(event_of(post), now=timezone.now())
        if number >= 4:
            rests.append(round(rest() / MINUTE))

    assert rests == [1, 2, 4, 8, 15, 15, 15]
    used, reserved = budget_totals()
    assert (used, reserved) == (11 * 4096, 0)


def test_calls_in_progress_when_it_opens_are_no_probes():
    now = timezone.now()
    for _ in range(20):
        circuit_breaker.failed(PROVIDER, details="", now=now, maybe_billed=True)

    assert ProviderHealth.objects.get().open_until == now + MINUTE


@pytest.mark.parametrize("ending", ["an answer", "an error", "a person"])
def test_afterwards_it_is_a_minute_again(ending):
    row = ProviderHealth.objects.create(
        provider=PROVIDER, failures=9, open_until=timezone.now(), unanswered_probes=4
    )
    now = timezone.now()
    if ending == "a person":
        circuit_breaker.reset(ProviderHealth.objects.all())
    assert circuit_breaker.admit(PROVIDER, ProviderHealth.objects.get(), now=now).allowed
    if ending == "an answer":
        circuit_breaker.succeeded(PROVIDER)
    failures = 5 if ending != "an error" else 1

    for _ in range(failures):
        circuit_breaker.failed(PROVIDER, details="", now=now, maybe_billed=False)

    row.refresh_from_db()
    assert row.open_until == now + MINUTE


def test_a_rest_that_was_set_longer_than_that_stays_as_it_was_set(settings):
    settings.GIGACHAT = with_settings(settings.GIGACHAT, circuit_breaker_recovery_timeout=3600)
    now = timezone.now()
    ProviderHealth.objects.create(
        provider=PROVIDER, failures=9, open_until=now, unanswered_probes=500
    )
    assert circuit_breaker.admit(PROVIDER, ProviderHealth.objects.get(), now=now).allowed

    circuit_breaker.failed(PROVIDER, details="", now=now, maybe_billed=True)

    assert ProviderHealth.objects.get().open_until == now + timedelta(hours=1)
