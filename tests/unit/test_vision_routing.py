"""The provider that a file goes to, and what follows from a call that failed."""

from datetime import UTC, datetime, timedelta

import pytest

from vision.analysis.failures import EFFECTS, BreakerSignal, NextStep, failed_call
from vision.limits import circuit_breaker
from vision.policy.decision import FileFacts, decide, load_policy
from vision.policy.routing import Route, route
from vision.providers.port import (
    ErrorClass,
    FailureKind,
    ProviderBusy,
    ProviderMisconfigured,
    ProviderRefused,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def policy():
    return load_policy()


@pytest.mark.parametrize(
    ("mime", "has_paid", "expected"),
    [
        ("image/jpeg", True, Route.PAID),
        ("IMAGE/JPG; x=y", True, Route.PAID),
        ("image/jpeg", False, Route.OCR),
        ("application/pdf", True, Route.UNSUPPORTED),
        ("application/pdf", False, Route.SKIP),
        ("video/mp4", True, Route.SKIP),
    ],
)
def test_the_route_follows_from_decision_type_and_configuration(policy, mime, has_paid, expected):
    decision = decide(
        policy,
        channel="alice_travels",
        file=FileFacts("a", mime, 500_000),
        vision_available=has_paid,
    )

    assert route(decision, mime=mime, policy=policy, has_paid=has_paid) is expected


def busy(error_class, **fields):
    return ProviderBusy("unwell", error_class=error_class, **fields)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ProviderRefused("blacklist", "no"), FailureKind.REFUSED),
        (ProviderMisconfigured("provider_quota", "buy"), FailureKind.MISCONFIGURED),
        (busy(ErrorClass.RETRYABLE_RATE_LIMIT), FailureKind.THROTTLED),
        (busy(ErrorClass.RETRYABLE_NETWORK), FailureKind.UNAVAILABLE),
        (busy(ErrorClass.RETRYABLE_SERVER_ERROR), FailureKind.UNAVAILABLE),
        (busy(ErrorClass.RETRYABLE_NETWORK, maybe_billed=True), FailureKind.UNANSWERED),
    ],
)
def test_each_error_is_of_one_kind(error, kind):
    assert failed_call(error, now=NOW).kind is kind


def test_the_table_has_every_kind_and_counts_an_estimate_for_one_only():
    assert set(EFFECTS) == set(FailureKind)
    counted = [kind for kind, effect in EFFECTS.items() if effect.counts_estimate]
    assert counted == [FailureKind.UNANSWERED]


def test_only_a_refusal_ends_in_failure_and_only_it_counts_as_an_answer():
    assert [k for k, e in EFFECTS.items() if e.step is NextStep.FAIL] == [FailureKind.REFUSED]
    answered = [k for k, e in EFFECTS.items() if e.signal is BreakerSignal.SUCCESS]
    assert answered == [FailureKind.REFUSED]


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (ProviderMisconfigured("provider_quota", "buy"), circuit_breaker.PAUSE),
        (busy(ErrorClass.RETRYABLE_RATE_LIMIT, after=timedelta(seconds=9)), timedelta(seconds=9)),
        (busy(ErrorClass.RETRYABLE_RATE_LIMIT, after=timedelta(hours=9)), timedelta(hours=9)),
        (busy(ErrorClass.RETRYABLE_RATE_LIMIT), None),
        (busy(ErrorClass.RETRYABLE_SERVER_ERROR, after=timedelta(seconds=9)), None),
        (ProviderRefused("blacklist", "no"), None),
    ],
)
def test_a_pause_is_as_long_as_the_provider_asks(error, pause):
    until = failed_call(error, now=NOW).pause_until

    assert until == (None if pause is None else NOW + pause)
