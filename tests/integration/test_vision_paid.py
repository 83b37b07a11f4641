"""The paid provider: asked once for each picture, never above the budget, never lost."""

import itertools
import threading
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from prometheus_client import REGISTRY

from accounts.models import Tenant
from events.delivery import dead_letters, worker
from events.errors import RetryLater
from events.models import Delivery, OutboxEvent
from events.postgresql import advisory_locks
from events.workers import liveness
from storage_quota.models import StoredObject
from storage_quota.object_store import get_store
from tests.acceptance.product import wait_until
from tests.concurrency import together, wait_for_backends
from tests.factories import Archive
from tests.integration.paid import (
    analyzes,
    budget_totals,
    digest,
    drain,
    event_of,
    paid_tokens,
    with_settings,
)
from vision.analysis import cache, claims, pay_once
from vision.analysis.claims import AnalysisRequest, Claim
from vision.duplicates.detection import Duplicates
from vision.limits import budget, places
from vision.models import (
    AnalysisState,
    ConcurrencyPlace,
    PaidAnalysis,
    PostEnrichment,
    ProviderHealth,
    TokenBudget,
)
from vision.policy.loader import current_policy
from vision.providers.port import (
    ErrorClass,
    ProviderBusy,
    ProviderMisconfigured,
    ProviderRefused,
    TokenUsage,
)
from vision.services import analyze

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ocr", "paid")]

NETWORK, SERVER, LIMITED = (
    ErrorClass.RETRYABLE_NETWORK,
    ErrorClass.RETRYABLE_SERVER_ERROR,
    ErrorClass.RETRYABLE_RATE_LIMIT,
)


@pytest.fixture
def vision(settings):
    """Change VISION_* for one test."""

    def change(**values):
        settings.VISION = with_settings(settings.VISION, **values)

    return change


@pytest.fixture
def slots(settings):
    def change(number):
        settings.GIGACHAT = with_settings(settings.GIGACHAT, max_concurrent_requests=number)

    change(50)
    return change


@pytest.fixture
def terms(archive):
    return current_policy(archive.tenant)


def busy(error_class=SERVER, **fields):
    return ProviderBusy("unwell", error_class=error_class, **fields)


def row_of(post) -> PostEnrichment:
    return PostEnrichment.objects.get(post=post)


def decisions(post) -> list[dict]:
    return row_of(post).metadata["decisions"]


def until_nothing_waits_for_another(posts) -> None:
    """Analyze the posts at once, and again those that wait for the cost of calls in progress."""
    while raised := together(*map(analyzes, posts)):
        assert {type(error) for error in raised} <= {pay_once.TokensInUse}


def counted(metric: str, archive, **labels: str) -> float:
    """The counter of this test's tenant, as this process has counted it."""
    return sum(
        sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == metric
        and str(archive.tenant.pk) in sample.labels.values()
        and labels.items() <= sample.labels.items()
    )


def replay() -> None:
    deliveries = Delivery.objects.filter(subscriber="vision.analyze")
    dead_letters.replay(deliveries, now=timezone.now())
    drain()


class TestOnePicture:
    def test_fact_047_with_a_budget_the_provider_analyzes_and_not_ocr(self, archive, paid, ocr):
        post = archive.post(b"one")

        drain()

        row = row_of(post)
        assert (row.vision_provider, row.vision_model) == ("gigachat", "GigaChat-Pro")
        assert (len(paid.calls), ocr.calls) == (1, [])

    def test_fact_048_the_tokens_of_the_answer_are_the_posts_and_the_budgets(self, archive, paid):
        post = archive.post(b"one")
        before = counted("vision_tokens_used_total", archive, provider="gigachat")

        drain()

        row, analysis = row_of(post), PaidAnalysis.objects.get()
        counter = counted("vision_tokens_used_total", archive, provider="gigachat")
        assert counter - before == 1320
        assert row.vision_tokens_used == analysis.total_tokens == 1320
        assert (analysis.prompt_tokens, analysis.completion_tokens) == (1300, 20)
        assert analysis.precached_prompt_tokens == 7
        assert row.vision_cost_microunits == 660_000
        assert budget_totals() == (1320, 0)

    def test_fact_050_the_second_post_with_the_picture_costs_nothing(self, archive, paid):
        archive.post(b"one")
        drain()
        second = archive.post(b"one")

        drain()

        row = row_of(second)
        assert len(paid.calls) == 1
        assert (row.vision_analysis_reason, row.vision_tokens_used) == ("cache_hit", 0)

    def test_fact_050_a_result_that_only_the_bucket_has_is_used(self, archive, paid):
        archive.post(b"one")
        drain()
        PaidAnalysis.objects.all().delete()
        second = archive.post(b"one")

        drain()

        assert len(paid.calls) == 1
        assert row_of(second).vision_analysis_reason == "cache_hit"
        assert PaidAnalysis.objects.get().state == AnalysisState.DONE

    def test_a_result_that_only_the_database_has_is_not_paid_for_again(self, archive, paid):
        archive.post(b"one")
        drain()
        key = StoredObject.objects.get(content_type="vision").key
        get_store().delete(key)
        StoredObject.objects.filter(key=key).delete()
        second = archive.post(b"one")

        drain()

        assert len(paid.calls) == 1
        assert row_of(second).s3_vision_keys == [key]
        assert cache.read(key) is not None

    def test_fact_051_tenants_pay_for_themselves_and_see_only_their_own(self, archive, paid):
        other = Archive(tenant=Tenant.objects.create(name="other"))
        posts = [archive.post(b"one"), other.post(b"one")]

        drain()

        assert len(paid.calls) == 2
        for post in posts:
            assert all(str(post.tenant_id) in key for key in row_of(post).s3_vision_keys)
            assert TokenBudget.objects.get(tenant=post.tenant).used_tokens == 1320

    def test_a_replay_pays_nothing_for_what_was_paid(self, archive, paid):
        post = archive.post(b"one")
        drain()

        replay()

        assert len(paid.calls) == 1
        assert row_of(post).vision_tokens_used == 1320

    def test_who_was_killed_between_picture_and_post_still_shows_what_it_paid(
        self, archive, paid, monkeypatch
    ):
        post = archive.post(b"one")
        settle = analyze._settle
        monkeypatch.setattr(analyze, "_settle", lambda *a, **k: 1 / 0)
        worker.drain("vision")
        monkeypatch.setattr(analyze, "_settle", settle)

        drain(rounds=2)

        row = row_of(post)
        assert (len(paid.calls), row.vision_tokens_used) == (1, 1320)
        assert row.vision_analysis_reason == "new"

    def test_a_document_goes_to_nobody_and_the_post_goes_on(self, archive, paid, ocr):
        post = archive.post(b"%PDF", mime="application/pdf", kind="document")

        drain()

        assert (paid.calls, ocr.calls) == ([], [])
        assert decisions(post)[0]["reason"] == "documents_not_analyzed"


class TestTheSamePictureAtOnce:
    @pytest.mark.costly
    def test_two_workers_with_one_picture_make_one_call(self, archive, paid, slots):
        paid.seconds = 0.3
        posts = [archive.post(b"one") for _ in range(4)]

        raised = together(*map(analyzes, posts))

        assert len(paid.calls) == 1
        assert all(isinstance(error, RetryLater) for error in raised)
        drain(rounds=2)
        assert len(paid.calls) == 1
        assert {row_of(post).vision_provider for post in posts} == {"gigachat"}
        assert sum(row_of(post).vision_tokens_used for post in posts) == 1320

    def test_many_workers_with_many_posts_of_few_pictures_pay_for_each_once(
        self, archive, paid, slots
    ):
        posts = [archive.post(f"{n % 5}".encode()) for n in range(40)]

        together(*[lambda: worker.drain("vision")] * 4)
        drain(rounds=3)

        assert len(paid.calls) == len(set(paid.calls)) == 5
        assert sum(row_of(post).vision_tokens_used for post in posts) == paid.billed
        assert budget_totals() == (paid.billed, 0)

    def test_a_lost_worker_costs_at_most_one_more_call(self, archive, paid, terms):
        post = archive.post(b"one")
        picture = AnalysisRequest(post, digest(b"one"), is_recent=True)
        with claims.claim_in_hand() as claim_id:
            begin_call(claim_of(picture, paid, terms, claim_id))

        drain()

        analysis, day = PaidAnalysis.objects.get(), TokenBudget.objects.get()
        assert (analysis.state, analysis.calls, len(paid.calls)) == ("done", 2, 1)
        assert (day.used_tokens, day.lost_tokens, day.reserved_tokens) == (1320 + 4096, 4096, 0)

    def test_a_living_worker_keeps_its_picture_until_the_lease_is_over(self, archive, paid, terms):
        post = archive.post(b"one")
        picture = AnalysisRequest(post, digest(b"one"), is_recent=True)

        with claims.claim_in_hand() as claim_id:
            claim_of(picture, paid, terms, claim_id)
            raised = together(analyzes(post))

            assert [type(error) for error in raised] == [claims.AnalysisInProgress]
            PaidAnalysis.objects.update(claimed_until=timezone.now())
            assert together(analyzes(post)) == []

    def test_the_picture_of_a_worker_that_was_killed_goes_on_within_seconds(
        self, archive, paid, terms, monkeypatch
    ):
        monkeypatch.setattr(liveness, "CHECK_EVERY", 0.05)
        monkeypatch.setattr(liveness, "GONE_AFTER", 0.5)
        liveness.stop()  # a keeper with these figures is made anew
        post = archive.post(b"one")
        picture = AnalysisRequest(post, digest(b"one"), is_recent=True)
        with claims.claim_in_hand() as claim_id:
            begin_call(claim_of(picture, paid, terms, claim_id))
        PaidAnalysis.objects.update(claimed_by=uuid4())

        # As after a restart of PostgreSQL: a lock that is free just now proves nothing.
        assert claims.release_stale_claims(now=timezone.now()) == 0
        assert [type(error) for error in together(analyzes(post))] == [claims.AnalysisInProgress]

        freed = wait_until(lambda: claims.release_stale_claims(now=timezone.now()), seconds=10)
        liveness.stop()
        assert freed
        assert budget_totals() == (4096, 0)

    def test_a_lost_worker_that_only_waited_for_a_place_costs_neither_call_nor_tokens(
        self, archive, paid, terms
    ):
        picture = AnalysisRequest(archive.post(b"one"), digest(b"one"), is_recent=True)
        with claims.claim_in_hand() as claim_id:
            claim_of(picture, paid, terms, claim_id)

        assert claims.release_stale_claims(now=timezone.now()) == 1
        row, day = PaidAnalysis.objects.get(), TokenBudget.objects.get()
        assert (row.state, row.calls, row.attempts) == ("requested", 0, 0)
        assert (day.used_tokens, day.lost_tokens, day.reserved_tokens, day.calls) == (0, 0, 0, 0)
        assert day.reserved_calls == 0

        drain()
        assert (PaidAnalysis.objects.get().calls, budget_totals()) == (1, (1320, 0))

    def test_a_claim_that_was_freed_while_it_waited_gets_no_place(self, archive, paid, terms):
        picture = AnalysisRequest(archive.post(b"one"), digest(b"one"), is_recent=True)
        with claims.claim_in_hand() as claim_id:
            claim = claim_of(picture, paid, terms, claim_id)
            PaidAnalysis.objects.update(claimed_until=timezone.now())
            assert claims.release_stale_claims(now=timezone.now()) == 1

            with pytest.raises(places.ClaimLost):
                begin_call(claim)

        assert not ConcurrencyPlace.objects.exists()
        assert PaidAnalysis.objects.get().asked_at is None

    def test_only_the_claim_that_gets_the_last_place_counts_as_asked(self, archive, paid, terms):
        claimed = []
        for body in (b"one", b"two"):
            picture = AnalysisRequest(archive.post(body), digest(body), is_recent=True)
            claimed.append(claim_of(picture, paid, terms, uuid4()))

        held = [take_place(claim, limit=1) for claim in claimed]

        assert [place is not None for place in held] == [True, False]
        rows = PaidAnalysis.objects.in_bulk([claim.paid_analysis_id for claim in claimed])
        asked = [rows[claim.paid_analysis_id].asked_at is not None for claim in claimed]
        assert asked == [True, False]
        places.give_back(held[0])

    def test_a_stale_worker_that_comes_back_corrects_the_budget_and_keeps_the_result(
        self, archive, paid, terms
    ):
        post = archive.post(b"one")
        picture = AnalysisRequest(post, digest(b"one"), is_recent=True)
        with claims.claim_in_hand() as claim_id:
            claim = claim_of(picture, paid, terms, claim_id)
            begin_call(claim)
            PaidAnalysis.objects.update(claimed_until=timezone.now())
            assert claims.release_stale_claims(now=timezone.now()) == 1
            answer = paid.analyze(b"one", mime="image/jpeg", prompt="", now=timezone.now())

            claims.settle_answer(claim, answer, post=post, now=timezone.now())

        day = TokenBudget.objects.get()
        assert (day.used_tokens, day.lost_tokens, day.reserved_tokens) == (1320, 0, 0)
        assert PaidAnalysis.objects.get().state == "done"

    def test_nobody_is_left_holding_anything(self, archive, paid):
        archive.post(b"one")
        paid.script = [RuntimeError("a bug")]

        drain()

        assert PaidAnalysis.objects.get().state == "claimed"
        assert claims.release_stale_claims(now=timezone.now()) == 1
        assert budget_totals() == (4096, 0)
        drain(rounds=2)
        assert PaidAnalysis.objects.get().state == "done"
        liveness.stop()  # whose lock shows that this process is alive
        wait_for_backends()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            assert cursor.fetchone() == (0,)


def take_place(claim, *, limit=10):
    key = places.ClaimKey(claim.paid_analysis_id, claim.claim_id)
    return places.take("vision:test", limit=limit, tenant="one", most=limit, claim=key)


def begin_call(claim) -> None:
    """As far as the database knows; the place is free again, as after the worker's end."""
    places.give_back(take_place(claim))


def claim_of(picture, paid, terms, claim_id) -> Claim:
    claim = pay_once.admit(
        picture,
        paid,
        terms,
        Duplicates(),
        claim_id=claim_id,
        lease=timedelta(hours=1),
        now=timezone.now(),
    )
    assert isinstance(claim, Claim)
    return claim


class TestBudget:
    def test_fact_052_without_tokens_ocr_reads_and_says_why(
        self, archive, paid, ocr, vision, caplog
    ):
        vision(vision_max_daily_tokens=0)
        post = archive.post(b"one")
        # Earlier tests of this process have counted for the same tenant.
        before = counted("vision_budget_gate_blocks_total", archive, reason="daily_limit")

        drain()

        after = counted("vision_budget_gate_blocks_total", archive, reason="daily_limit")
        assert after - before == 1
        row, (decision,) = row_of(post), decisions(post)
        assert (row.vision_provider, row.vision_tokens_used) == ("ocr_fallback", 0)
        assert row.vision_analysis_reason == "fallback"
        assert (decision["outcome"], decision["reason"]) == ("read", "daily_limit")
        assert decision["waits"] is True
        assert "Budget exhausted" in caplog.text
        assert paid.calls == []

    def test_fact_053_after_a_reset_the_provider_is_used_again(self, archive, paid, vision):
        vision(vision_max_daily_tokens=1800, vision_tokens_ceiling="1700")
        archive.post(b"one")
        drain()
        second = archive.post(b"two")
        drain()
        assert row_of(second).vision_provider == "ocr_fallback"

        forgiven = budget.reset(tenant=archive.tenant, now=timezone.now())
        third = archive.post(b"three")
        drain()

        assert forgiven == 1320
        assert row_of(third).vision_provider == "gigachat"
        assert budget_totals() == (2640, 0)

    def test_fact_054_of_three_at_once_one_fits(self, archive, paid, vision, slots):
        vision(
            vision_max_daily_tokens=1000, vision_tokens_ceiling="600", vision_max_output_tokens=64
        )
        paid.seconds, paid.tokens = 0.2, 600
        posts = [archive.post(body) for body in (b"one", b"two", b"three")]

        raised = together(*map(analyzes, posts))
        assert [type(error) for error in raised] == [pay_once.TokensInUse] * 2
        assert together(*map(analyzes, posts)) == []

        assert (len(paid.calls), budget_totals()) == (1, (600, 0))

    def test_fifty_at_once_with_room_for_seven(self, archive, paid, vision, slots):
        vision(vision_max_daily_tokens=8 * 1792 + 1791, vision_tokens_ceiling=str(1792 * 5 // 4))
        paid.seconds, paid.tokens = 0.1, 1792
        posts = [archive.post(f"{n}".encode()) for n in range(50)]

        until_nothing_waits_for_another(posts)

        # A ceiling is 2 240: after seven pictures 3 583 are left, and after the eighth 1 791.
        assert len(paid.calls) == 8
        assert budget_totals() == (paid.billed, 0)
        assert PaidAnalysis.objects.filter(state="waiting").count() == 42
        assert PostEnrichment.objects.filter(vision_provider="ocr_fallback").count() == 42

    def test_a_question_without_an_answer_counts_for_it_may_be_billed(self, archive, paid, vision):
        vision(vision_max_daily_tokens=2 * 1792 + 1, vision_tokens_ceiling="1792")
        paid.script = [busy(NETWORK, maybe_billed=True), busy(NETWORK), None]
        archive.post(b"one")

        drain(rounds=5)

        day = TokenBudget.objects.get()
        assert (day.used_tokens, day.lost_tokens) == (1792 + paid.billed, 1792)
        assert day.reserved_tokens == 0
        assert PaidAnalysis.objects.get().calls == 3

    def test_the_database_refuses_budgets_that_cannot_be(self, archive):
        day = TokenBudget.objects.create(tenant=archive.tenant, day="2026-11-21")

        for columns in ({"used_tokens": -1}, {"reserved_tokens": -1}, {"lost_tokens": 1}):
            with pytest.raises(IntegrityError), transaction.atomic():
                TokenBudget.objects.filter(pk=day.pk).update(**columns)

    def test_a_new_day_has_a_new_budget_and_the_month_goes_on(self, archive, vision, now):
        vision(vision_max_daily_tokens=100, vision_max_monthly_tokens=150)
        limits = budget.limits_of(archive.tenant, current_policy())

        def reserve(tokens, at):
            with transaction.atomic():
                reserved = budget.reserve(
                    tenant=archive.tenant,
                    ceiling=lambda: tokens,
                    limits=limits,
                    is_recent=True,
                    now=at,
                )
                if reserved.tokens:
                    use(tokens, at)
                return reserved.refused_by

        def use(tokens, at):
            budget.settle(
                tenant_id=archive.tenant.pk, day=budget.day_of(at), reserved=tokens, used=tokens
            )

        tomorrow = now + timedelta(days=1)
        assert [reserve(100, now), reserve(1, now)] == ["", "daily_limit"]
        assert [reserve(50, tomorrow), reserve(1, tomorrow)] == ["", "monthly_limit"]
        assert reserve(100, now + timedelta(days=10)) == ""

    def test_backfill_leaves_the_rest_of_the_day_to_recent_posts(self, archive, paid, settings):
        archive.tenant.settings = {
            "vision_policy": {"budget_gates": {"sampling_threshold_per_day": 5000}}
        }
        archive.tenant.save()
        old = [archive.post(f"{n}".encode(), tell=False) for n in range(3)]
        fresh = [archive.post(f"fresh {n}".encode()) for n in range(3)]
        for post in old:
            event = event_of(post).model_copy(
                update={"uploaded_at": post.posted_at + timedelta(days=9)}
            )
            analyze.analyze_post(event, now=timezone.now())

        drain()

        assert [row_of(p).vision_provider for p in old] == ["gigachat"] + ["ocr_fallback"] * 2
        assert {row_of(p).vision_provider for p in fresh} == {"gigachat"}
        assert decisions(old[-1])[0]["reason"] == "backfill_limit"

    def test_limits_of_a_tenant_win_over_the_environment_and_these_over_the_file(
        self, archive, vision
    ):
        def limits():
            return budget.limits_of(archive.tenant, current_policy(archive.tenant))

        assert limits() == budget.TokenLimits(250_000, None, 100_000)
        vision(vision_max_daily_tokens=500, vision_max_monthly_tokens=600)
        assert limits() == budget.TokenLimits(500, 600, 500)
        archive.tenant.settings = {"vision_policy": {"limits": {"max_daily_tokens_per_tenant": 70}}}
        assert limits() == budget.TokenLimits(70, 600, 70)

    def test_without_the_gate_tokens_are_only_counted(self, archive, paid, vision):
        vision(vision_max_daily_tokens=0)
        archive.tenant.settings = {
            "vision_policy": {"budget_gates": {"check_before_analysis": False}}
        }
        archive.tenant.save()
        archive.post(b"one")

        drain()

        assert budget_totals() == (1320, 0)

    def test_a_policy_without_the_stand_in_leaves_pictures_alone_until_there_is_room(
        self, archive, paid, ocr, vision
    ):
        vision(vision_max_daily_tokens=0)
        archive.tenant.settings = {
            "vision_policy": {"budget_gates": {"fallback_to_ocr_if_exhausted": False}}
        }
        archive.tenant.save()
        post = archive.post(b"one")

        drain()

        (decision,) = decisions(post)
        assert (decision["outcome"], decision["waits"]) == ("skipped", True)
        assert ocr.calls == []

    def test_the_mean_is_that_of_the_last_pictures(self, archive, vision):
        assert budget.estimate("gigachat", "m", current_policy()).mean == 1792
        analyses = [
            PaidAnalysis(
                tenant=archive.tenant, sha256=digest(f"{n}".encode()), provider="gigachat",
                model="m", schema_version="1.0", state="done", analysis={},
                total_tokens=1000 + n, analyzed_at=timezone.now() + timedelta(seconds=n),
            )
            for n in range(150)
        ]  # fmt: skip
        PaidAnalysis.objects.bulk_create(analyses[:10])
        PaidAnalysis.objects.bulk_create(analyses[10:])

        learned = budget.estimate("gigachat", "m", current_policy())

        assert (learned.ceiling, learned.samples) == (4096, 100)
        assert learned.mean == pytest.approx(1099.5)


class TestFailures:
    def test_fact_061_500_500_200_is_a_success_and_429_is_retried(self, archive, paid):
        paid.script = [busy(), busy(), busy(LIMITED), None]
        post = archive.post(b"one")

        drain(rounds=5)

        row = row_of(post)
        assert (row.vision_provider, row.vision_analysis_reason) == ("gigachat", "retry")
        assert (PaidAnalysis.objects.get().calls, budget_totals()) == (4, (1320, 0))
        assert Delivery.objects.get(subscriber="vision.analyze").state == "done"

    @pytest.mark.sampled(1)
    @pytest.mark.parametrize("error_class", [SERVER, NETWORK, LIMITED])
    def test_after_the_last_retry_ocr_reads_and_the_picture_rests(
        self, archive, paid, error_class, settings
    ):
        settings.GIGACHAT = with_settings(settings.GIGACHAT, circuit_breaker_failure_threshold=100)
        paid.script = [busy(error_class)] * 4
        post = archive.post(b"one")

        drain(rounds=6)

        analysis, (decision,) = PaidAnalysis.objects.get(), decisions(post)
        assert (analysis.state, analysis.calls, analysis.error_class) == ("waiting", 4, error_class)
        assert analysis.due_at > timezone.now() + timedelta(minutes=50)
        assert (decision["outcome"], decision["reason"]) == ("read", error_class)
        assert budget_totals() == (0, 0)

    def test_fact_061_a_definite_no_is_not_repeated_and_ocr_reads(self, archive, paid):
        usage = TokenUsage(prompt_tokens=900, completion_tokens=100, total_tokens=1000)
        paid.script = [
            ProviderRefused(
                "blacklist", "no", error_class=ErrorClass.NON_RETRYABLE_BUSINESS, usage=usage
            )
        ]
        post, same = archive.post(b"one"), archive.post(b"one")

        drain(rounds=3)
        replay()

        (decision,) = decisions(post)
        assert (len(paid.calls), PaidAnalysis.objects.get().calls) == (0, 1)
        assert (decision["outcome"], decision["reason"]) == ("read", "blacklist")
        assert row_of(post).vision_tokens_used + row_of(same).vision_tokens_used == 1000
        assert budget_totals() == (paid.billed, 0) == (1000, 0)

    def test_payment_required_is_asked_once_for_all_pictures(self, archive, paid):
        paid.script = [
            ProviderMisconfigured(
                "provider_quota", "buy", error_class=ErrorClass.NON_RETRYABLE_QUOTA
            )
        ]
        posts = [archive.post(f"{n}".encode()) for n in range(5)]

        for post in posts:
            analyze.analyze_post(event_of(post), now=timezone.now())

        assert PaidAnalysis.objects.filter(state="waiting").count() == 5
        assert sum(PaidAnalysis.objects.values_list("calls", flat=True)) == 1
        assert {decisions(p)[0]["reason"] for p in posts} == {"non_retryable_quota"}
        assert ProviderHealth.objects.get().paused_until > timezone.now()

    def test_a_rate_limit_with_a_time_holds_the_others_back_too(self, archive, paid):
        paid.script = [busy(LIMITED, after=timedelta(seconds=30))]
        posts = [archive.post(f"{n}".encode()) for n in range(3)]
        waits = []

        for post in posts:
            with pytest.raises(RetryLater) as wait:
                analyze.analyze_post(event_of(post), now=timezone.now())
            waits.append(wait.value.after)

        assert sum(PaidAnalysis.objects.values_list("calls", flat=True)) == 1
        assert min(waits) > timedelta(seconds=20)

    def test_a_long_rate_limit_holds_for_everybody_and_ocr_stands_in(self, archive, paid):
        paid.script = [busy(LIMITED, after=timedelta(minutes=20))]
        posts = [archive.post(f"{n}".encode()) for n in range(3)]

        with pytest.raises(RetryLater):
            analyze.analyze_post(event_of(posts[0]), now=timezone.now())
        for post in posts[1:]:
            analyze.analyze_post(event_of(post), now=timezone.now() + timedelta(minutes=10))

        assert sum(PaidAnalysis.objects.values_list("calls", flat=True)) == 1
        until = ProviderHealth.objects.get().paused_until
        assert until > timezone.now() + timedelta(minutes=19)
        waiting = PaidAnalysis.objects.filter(state="waiting")
        assert [row.due_at for row in waiting] == [until] * 2

    def test_fact_062_five_failures_open_the_breaker_and_one_probe_closes_it(
        self, archive, paid, vision
    ):
        vision(vision_api_max_retries=0)
        paid.script = [busy()] * 5
        first = [archive.post(f"{n}".encode()) for n in range(5)]
        for post in first:
            analyze.analyze_post(event_of(post), now=timezone.now())
        sixth, seventh = archive.post(b"six"), archive.post(b"seven")

        analyze.analyze_post(event_of(sixth), now=timezone.now())

        assert decisions(sixth)[0]["reason"] == "circuit_open"
        assert row_of(sixth).vision_provider == "ocr_fallback"
        ProviderHealth.objects.update(open_until=timezone.now())
        analyze.analyze_post(event_of(seventh), now=timezone.now())
        assert row_of(seventh).vision_provider == "gigachat"
        assert ProviderHealth.objects.get().failures == 0

    def test_while_one_probes_the_others_do_not_ask(self, archive, paid, slots, monkeypatch):
        ProviderHealth.objects.create(
            provider="gigachat", failures=5, open_until=timezone.now() - timedelta(seconds=1)
        )
        posts = [archive.post(f"{n}".encode()) for n in range(6)]
        returned, ask = threading.Semaphore(0), paid.analyze_prepared

        def until_the_others_have_returned(*arguments, **keywords):
            for _ in posts[1:]:
                returned.acquire(timeout=10)
            return ask(*arguments, **keywords)

        def analyze_and_tell(post):
            try:
                analyzes(post)()
            finally:
                returned.release()

        monkeypatch.setattr(paid, "analyze_prepared", until_the_others_have_returned)
        together(*(partial(analyze_and_tell, post) for post in posts))

        assert len(paid.calls) == 1

    @pytest.mark.sampled(1)
    @pytest.mark.parametrize("seed", range(3))
    def test_faults_of_all_kinds_mixed_leave_nothing_stuck(
        self, archive, paid, settings, slots, seed
    ):
        settings.GIGACHAT = with_settings(settings.GIGACHAT, circuit_breaker_recovery_timeout=0.001)
        usage = TokenUsage(prompt_tokens=1, completion_tokens=1, total_tokens=2)
        kinds = [
            None, busy(), busy(NETWORK), busy(LIMITED), busy(SERVER, usage=usage),
            ProviderRefused("request_rejected", "400"), ProviderRefused("x", "x", usage=usage),
        ]  # fmt: skip
        paid.script = [kinds[(n * 7 + seed) % len(kinds)] for n in range(60)]
        posts = [archive.post(f"{n % 30}".encode()) for n in range(40)]

        for _ in range(8):
            Delivery.objects.filter(state="pending").update(due_at=timezone.now())
            together(*[lambda: worker.drain("vision")] * 3)

        assert not Delivery.objects.filter(subscriber="vision.analyze").exclude(state="done")
        assert not PaidAnalysis.objects.filter(state__in=("claimed", "requested"))
        assert budget_totals() == (paid.billed, 0)
        assert paid_tokens() == paid.billed
        outcomes = {d["outcome"] for post in posts for d in decisions(post)}
        assert outcomes <= {"analyzed", "read"}


class TestConcurrencyLimit:
    @pytest.mark.parametrize(("own", "most"), [({}, 10), ({"max_concurrent_requests": 3}, 3)])
    def test_fact_055_one_tenant_gets_all_ten_unless_its_settings_say_less(
        self, archive, paid, settings, own, most
    ):
        settings.GIGACHAT = with_settings(settings.GIGACHAT, scope="GIGACHAT_API_CORP")
        archive.tenant.settings = {"vision_policy": {"limits": own}}
        archive.tenant.save()
        paid.seconds = 1.5 if most == 10 else 0.3
        posts = [archive.post(f"{n}".encode()) for n in range(14)]

        raised = together(*map(analyzes, posts))

        assert (raised, len(paid.calls), paid.most_at_once) == ([], 14, most)

    def test_fact_055_with_a_limit_of_one_there_is_one_call_at_a_time_over_all_tenants(
        self, archive, paid, slots
    ):
        slots(1)
        paid.seconds = 0.05
        other = Archive(tenant=Tenant.objects.create(name="other"))
        posts = [a.post(f"{n}".encode()) for a in (archive, other) for n in range(4)]

        raised = together(*map(analyzes, posts))

        assert (raised, len(paid.calls), paid.most_at_once) == ([], 8, 1)

    def test_the_limit_is_used_in_full(self, archive, paid, slots):
        slots(6)
        paid.seconds = 1
        posts = [archive.post(f"{n}".encode()) for n in range(12)]

        together(*map(analyzes, posts))

        assert paid.most_at_once == 6

    def test_locks_of_a_closed_connection_are_gone(self):
        def take():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [advisory_locks.key_of("x")])
            with transaction.atomic():
                held.append(advisory_locks.is_held("x"))

        held = []
        together(take)
        wait_for_backends()

        with transaction.atomic():
            assert advisory_locks.is_held("x") is False


def test_numbers_of_locks_differ():
    keys = {advisory_locks.key_of(f"{a}:{b}") for a, b in itertools.product("abcdef", range(100))}

    assert len(keys) == 600


def test_each_result_is_published_once(db, archive, paid):
    archive.post(b"one")
    drain()
    replay()

    assert OutboxEvent.objects.filter(topic="posts.vision.analyzed").count() == 1
