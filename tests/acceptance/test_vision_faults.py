"""Whatever GigaChat does, every post ends analyzed or read, and the budget_totals agree with its own."""

import io
import random

import pytest
from django.utils import timezone
from PIL import Image

from events.delivery import worker
from events.models import OPEN_STATES, Delivery
from tests.concurrency import together
from tests.gigachat_stub.faults import KINDS
from tests.integration.paid import analyzes, with_settings
from vision import providers, tasks
from vision.analysis.pay_once import TokensInUse
from vision.models import AnalysisState, PaidAnalysis, PostEnrichment, ProviderHealth, TokenBudget
from vision.providers.fake import FakeVision

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def ocr(monkeypatch):
    fake = FakeVision()
    monkeypatch.setattr(providers, "get_ocr", lambda: fake)
    return fake


@pytest.fixture(autouse=True)
def patient(gigachat, settings):
    """Nothing but the fault stops anybody: the breaker forgives at once, silence is short."""
    settings.GIGACHAT = with_settings(
        settings.GIGACHAT, circuit_breaker_recovery_timeout=0.001, vision_timeout=1.5
    )


def photo(seed: int) -> bytes:
    noise = Image.frombytes("RGB", (24, 24), random.Random(seed).randbytes(24 * 24 * 3))
    body = io.BytesIO()
    noise.resize((96, 96), Image.Resampling.NEAREST).save(body, "JPEG", quality=90)
    return body.getvalue()


QUEUES = ("vision", "vision_backfill", "default")


def deliver(rounds: int) -> None:
    """Deliver what is open in the queues that are drained here, that often or until nothing is."""
    for _ in range(rounds):
        open_ = Delivery.objects.filter(state__in=OPEN_STATES, queue__in=QUEUES)
        if not open_.update(due_at=timezone.now()):
            return
        together(*[lambda: worker.drain("vision")] * 3)
        worker.drain("vision_backfill")
        worker.drain("default")


def settled_books(stub) -> None:
    """What the answers cost, what GigaChat counted, and what the budget took for spent."""
    used = lost = reserved = 0
    for day in TokenBudget.objects.all():
        used, lost = used + day.used_tokens, lost + day.lost_tokens
        reserved += day.reserved_tokens
    paid_tokens = sum(PaidAnalysis.objects.values_list("total_tokens", flat=True))
    assert reserved == 0
    assert used - lost == paid_tokens
    assert paid_tokens <= stub.stats()["tokens"].get("total_tokens", 0) <= used


def outcomes() -> set[str]:
    rows = PostEnrichment.objects.values_list("metadata", flat=True)
    return {decision["outcome"] for row in rows for decision in row["decisions"]}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "mixed"])
def test_every_fault_alone_leaves_every_post_analyzed_or_read(gigachat, kind, archive):
    posts = [archive.post(photo(n)) for n in range(3)]
    how = {"content": "{}"} if kind == "answer" else {}
    gigachat.fail(kind, seconds=4, **how)

    deliver(7)

    deliveries = Delivery.objects.filter(subscriber__startswith="vision.analyze")
    assert set(deliveries.values_list("state", flat=True)) == {"done"}
    assert PostEnrichment.objects.count() == len(posts)
    assert outcomes() <= {"analyzed", "read"}
    assert not PaidAnalysis.objects.filter(
        state__in=(AnalysisState.REQUESTED, AnalysisState.CLAIMED)
    )
    for analysis in PaidAnalysis.objects.exclude(state=AnalysisState.DONE):
        assert analysis.error_class or analysis.wait_reason, f"{kind}: nothing says why"
    for row in PostEnrichment.objects.filter(vision_provider="ocr_fallback"):
        assert {d["reason"] for d in row.metadata["decisions"]} - {"policy_passed", ""}
    settled_books(gigachat)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["server_error", "rate_limited", "payment_required", "cut"])
def test_once_a_fault_is_over_what_waits_is_looked_at(gigachat, kind, archive):
    posts = [archive.post(photo(n)) for n in range(3)]
    gigachat.fail(kind, seconds=4)
    deliver(7)
    assert outcomes() == {"read"}

    gigachat.faults.plan([])
    ProviderHealth.objects.all().delete()
    PaidAnalysis.objects.update(due_at=None)
    tasks.retry_backlog()
    deliver(3)

    seen = PostEnrichment.objects.filter(vision_provider="gigachat")
    assert seen.count() == len(posts)
    assert PaidAnalysis.objects.filter(state=AnalysisState.DONE).count() == len(posts)
    settled_books(gigachat)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("seed", range(2))
def test_faults_mixed_into_a_third_of_the_calls_leave_nothing_stuck(gigachat, seed, archive):
    gigachat.faults.plan([{"kind": "mixed", "probability": 0.3, "endpoint": "any"}], seed=seed)
    posts = [archive.post(photo(n % 25)) for n in range(40)]

    deliver(10)

    deliveries = Delivery.objects.filter(subscriber__startswith="vision.analyze")
    assert set(deliveries.values_list("state", flat=True)) <= {"done", "dead"}
    assert not deliveries.filter(state="dead", error_code="")
    assert PostEnrichment.objects.count() == len(posts)
    assert outcomes() <= {"analyzed", "read"}
    assert "analyzed" in outcomes()
    assert not PaidAnalysis.objects.filter(
        state__in=(AnalysisState.REQUESTED, AnalysisState.CLAIMED)
    )
    settled_books(gigachat)


def test_fifty_pictures_at_once_with_room_for_six(gigachat, settings, archive):
    settings.GIGACHAT = with_settings(settings.GIGACHAT, vision_timeout=30)
    limit = 7 * 1792 + 1791
    settings.VISION = with_settings(settings.VISION, vision_max_daily_tokens=limit)
    gigachat.state.behavior.latency = 0.1
    gigachat.fail("answer", usage={"prompt_tokens": 1700, "total_tokens": 1792})
    posts = [archive.post(photo(n)) for n in range(50)]

    while raised := together(*map(analyzes, posts)):
        assert {type(error) for error in raised} == {TokensInUse}

    told, day = gigachat.stats(), TokenBudget.objects.get()
    # A ceiling is 4 096: the fifth picture leaves 5 375, the sixth 3 583.
    assert told["answers"] == 6
    assert told["tokens"]["total_tokens"] == day.used_tokens <= 7 * 1792 + 1791
    assert (day.reserved_tokens, day.lost_tokens) == (0, 0)
    assert PostEnrichment.objects.count() == 50
