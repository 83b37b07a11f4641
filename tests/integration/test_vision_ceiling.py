"""Costs above the ceiling: what a budget holds then, and what it says of it."""

import json
import random
import threading
import time
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError, transaction
from django.utils import timezone

from tests.concurrency import in_threads, together
from tests.integration.paid import analyzes, drain, event_of, with_settings
from vision import providers
from vision.analysis import claims, follow_up, pay_once
from vision.limits import budget, places
from vision.limits.budget import TokenLimits
from vision.limits.ceiling import MARGIN, ceiling_of, learn
from vision.models import CallCost, ConcurrencyPlace, PaidAnalysis, PostEnrichment, TokenBudget
from vision.policy.loader import current_policy
from vision.providers.fake import FakePaid, FakeVision
from vision.services import analyze, retry_backlog

pytestmark = pytest.mark.django_db(transaction=True)

CEILING = 4096


@pytest.fixture(autouse=True)
def paid(monkeypatch, settings):
    ocr = FakeVision()
    monkeypatch.setattr(providers, "get_ocr", lambda: ocr)
    fake = FakePaid()
    monkeypatch.setattr(providers, "get_gigachat", lambda: fake)
    settings.GIGACHAT = with_settings(
        settings.GIGACHAT, scope="GIGACHAT_API_B2B", vision_model=fake.model
    )
    return fake


@pytest.fixture
def limit(settings):
    def set_to(tokens):
        settings.VISION = with_settings(settings.VISION, vision_max_daily_tokens=tokens)

    return set_to


def posts(archive, count):
    first = archive.count
    return [archive.post(f"{n}".encode(), tell=False) for n in range(first, first + count)]


def at_once(*wanted):
    """Analyze the posts at once; again those that wait for the cost of calls in progress."""
    while raised := together(*map(analyzes, wanted)):
        assert {type(error) for error in raised} <= {pay_once.TokensInUse}


def ceiling(model="GigaChat-Pro"):
    return ceiling_of("gigachat", model, current_policy())


class TestCeiling:
    def test_it_is_never_below_the_setting_the_longest_call_and_what_was_seen(self, settings):
        assert ceiling() == CEILING
        settings.VISION = with_settings(
            settings.VISION, vision_tokens_ceiling="1,GigaChat-2-Max=9000"
        )
        assert 1000 < ceiling() < 1500  # the longest prompt, and an answer of 512 tokens
        assert ceiling("GigaChat-2-Max-preview") == 9000
        settings.VISION = with_settings(settings.VISION, vision_max_output_tokens=8000)
        assert ceiling() > 8000
        learn("gigachat", "GigaChat-Pro", 10_000)
        learn("gigachat", "GigaChat-Pro", 400)
        assert ceiling() == 10_000 * MARGIN
        assert ceiling("another") < 10_000

    def test_of_two_that_learn_at_the_same_time_the_higher_stays(self):
        costs = random.sample(range(1, 10_000), 20)

        assert together(*[lambda c=cost: learn("gigachat", "m", c) for cost in costs]) == []

        assert CallCost.objects.get().most_tokens == max(costs)


class TestOverrun:
    def test_alone_a_surprise_raises_the_ceiling_and_nothing_is_used_above_the_limit(
        self, archive, paid, limit
    ):
        limit(30_000)
        paid.tokens = 10_000

        for post in posts(archive, 5):
            analyze.analyze_post(event_of(post), now=timezone.now())

        day = TokenBudget.objects.get()
        assert (day.used_tokens, len(paid.calls)) == (20_000, 2)  # 12 500 do not fit a third time
        assert (day.overrun_calls, day.overrun_tokens) == (1, 10_000 - CEILING)
        assert (day.reserved_tokens, day.reserved_calls) == (0, 0)

    def test_at_once_only_calls_in_progress_exceed_and_by_what_they_cost_above_it(
        self, archive, paid, limit
    ):
        limit(13 * CEILING)
        paid.tokens, paid.seconds = 10_000, 0.5

        at_once(*posts(archive, 30))

        day = TokenBudget.objects.get()
        assert paid.most_at_once == 10
        assert len(paid.calls) <= 10
        assert day.overrun_calls == len(paid.calls)
        assert day.overrun_tokens == sum([10_000 - CEILING] * len(paid.calls))
        assert day.used_tokens == paid.billed <= 13 * CEILING + day.overrun_tokens
        assert (day.reserved_tokens, day.reserved_calls) == (0, 0)

    @pytest.mark.costly
    def test_claims_that_wait_for_a_place_reserve_anew_after_a_surprise(
        self, archive, paid, limit, settings
    ):
        """Twelve claims are made at the old ceiling; one place, so one call surprises."""
        settings.GIGACHAT = with_settings(settings.GIGACHAT, max_concurrent_requests=1)
        limit(100_000)
        paid.tokens, paid.seconds = 20_000, 0.3

        at_once(*posts(archive, 12))

        day = TokenBudget.objects.get()
        assert (day.overrun_calls, day.overrun_tokens) == (1, 20_000 - CEILING)
        assert day.used_tokens == paid.billed == 80_000  # 25 000 are reserved for each by then

    def test_near_the_limit_one_is_asked_at_a_time(self, archive, paid, limit):
        limit(2 * CEILING - 1)
        paid.tokens, paid.seconds = 500, 0.2

        at_once(*posts(archive, 6))

        assert (len(paid.calls), paid.most_at_once) == (6, 1)

    @pytest.mark.sampled(1)
    @pytest.mark.parametrize("seed", range(2))
    def test_prices_that_change_during_the_day_never_pass_the_limit_by_more_than_the_overrun(
        self, archive, paid, limit, seed
    ):
        chance = random.Random(seed)
        most = chance.randrange(40_000, 90_000)
        limit(most)
        paid.seconds = 0.05
        for _ in range(4):
            paid.prices = [chance.choice([300, 900, 3000, 6000, 15_000]) for _ in range(8)]
            at_once(*posts(archive, 8))

        day = TokenBudget.objects.get()
        assert day.used_tokens == paid.billed
        assert day.used_tokens <= most + day.overrun_tokens
        assert (day.reserved_tokens, day.reserved_calls) == (0, 0)

    def test_calls_in_progress_count_with_the_ceiling_that_is_known_by_now(self, archive, limit):
        limit(30_000)
        limits = budget.limits_of(archive.tenant, current_policy())
        now = timezone.now()

        def reserve(tokens):
            return budget.reserve(
                tenant=archive.tenant,
                ceiling=lambda: tokens,
                limits=limits,
                is_recent=True,
                now=now,
            )

        with transaction.atomic():
            assert [reserve(1000).tokens for _ in range(5)] == [1000] * 5
            # Five in progress may cost 5 000 each now: 25 000, and only one more would fit.
            assert reserve(5000).must_wait
            assert reserve(1000).tokens == 1000

    @pytest.mark.parametrize("day_first", [20, 21])
    def test_two_days_reserved_of_at_once_share_one_month(self, archive, day_first):
        """At the turn of the day, or with a clock that was ahead, a later day may be there first."""
        limits, days = TokenLimits(day=None, month=10_000, backfill=None), {}
        for day in (day_first, 41 - day_first):
            now = datetime(2026, 11, day, 12, tzinfo=UTC)
            with transaction.atomic():
                reserved = budget.reserve(
                    tenant=archive.tenant,
                    ceiling=lambda: 6_000,
                    limits=limits,
                    is_recent=True,
                    now=now,
                )
            if reserved.tokens:
                budget.settle(
                    tenant_id=archive.tenant.pk, day=now.date(), reserved=6_000, used=6_000
                )
            days[day] = reserved

        assert [one.tokens for one in days.values()] == [6_000, 0]
        assert days[41 - day_first].refused_by == budget.MONTHLY
        assert budget.spent(archive.tenant, now).month == 6_000
        assert budget.reset(tenant=archive.tenant, now=now) == 6_000
        assert budget.spent(archive.tenant, now).month == 0

    @pytest.mark.costly
    def test_reservations_of_texts_wait_for_the_tenants_turn(self, archive):
        """So those of two days cannot pass each other, neither of which sees the other's row."""
        limits, order = TokenLimits(day=None, month=10_000, backfill=None), []
        begun = threading.Event()

        def reserve(day, *, wait):
            with transaction.atomic():
                now = datetime(2026, 11, day, 12, tzinfo=UTC)
                order.append(
                    budget.reserve(
                        tenant=archive.tenant,
                        ceiling=lambda: 6_000,
                        limits=limits,
                        is_recent=True,
                        now=now,
                    ).tokens
                )
                begun.set()
                time.sleep(wait)

        def second():
            assert begun.wait(10)
            reserve(21, wait=0)

        in_threads(lambda: reserve(20, wait=1), second)
        assert order == [6_000, 0]

    def test_command_and_console_say_it(self, archive, paid, limit, admin_client):
        limit(30_000)
        paid.tokens = 10_000
        for post in posts(archive, 1):
            analyze.analyze_post(event_of(post), now=timezone.now())

        out = StringIO()
        call_command("diag_vision", "budget", "--json", stdout=out)
        report = json.loads(out.getvalue())
        out = StringIO()
        call_command("diag_vision", "budget", stdout=out)
        page = admin_client.get("/admin/vision/tokenbudget/").content.decode()

        assert (report["overrun_calls"], report["overrun_tokens"]) == (1, 5904)
        assert (report["most_seen"], report["estimate_most"]) == (10_000, 12_500)
        assert (report["price"], report["price_date"]) == (0.5, "2026-02-01")
        assert "1 вызов, на 5 904 токенов" in out.getvalue()
        assert "5,904" in page or "5904" in page
        assert "12,500" in page or "12500" in page

    def test_the_budget_page_forecasts_the_backlog_as_the_command_does(
        self, archive, limit, admin_client
    ):
        limit(0)
        archive.post(b"one")
        drain()

        pages = [
            admin_client.get("/admin/vision/tokenbudget/", query, follow=True).content.decode()
            for query in ({}, {"tenant__id__exact": archive.tenant.pk})
        ]

        assert all("картинок в очереди ожидания: 1" in page for page in pages)
        assert "не хватит никогда" in pages[0]


class TestAnswerFirst:
    def test_the_answer_is_saved_before_anything_else_is_done(self, archive, paid, monkeypatch):
        """Neither the deletion at the provider nor what follows for other posts comes before."""
        seen = []

        def state():
            seen.append(PaidAnalysis.objects.get().state)

        real = follow_up.follow_up
        monkeypatch.setattr(follow_up, "follow_up", lambda *a, **k: (state(), real(*a, **k)))
        paid.deleted = type("Log", (list,), {"append": lambda self, _: state()})()
        (post,) = posts(archive, 1)

        analyze.analyze_post(event_of(post), now=timezone.now())

        assert seen == ["done", "done"]

    @pytest.mark.parametrize(("most", "left"), [(10, [0, 0]), (1, [1, 1])])
    def test_the_place_is_free_at_the_commit_that_saves_the_answer(
        self, archive, paid, settings, most, left
    ):
        """Of several places; the only one is kept until the upload is deleted."""
        configured = {"max_concurrent_requests": most}
        settings.GIGACHAT = settings.GIGACHAT.model_copy(update=configured)
        seen = []

        def look(*_):
            done = PaidAnalysis.objects.filter(state="done").count()
            seen.append((done, ConcurrencyPlace.objects.count(), places.held_here()))

        paid.deleted = type("Log", (list,), {"append": look})()
        for post in posts(archive, 2):  # the first one is the most expensive so far
            analyze.analyze_post(event_of(post), now=timezone.now())

        assert seen == [(n, here, here) for n, here in enumerate(left, start=1)]
        assert not ConcurrencyPlace.objects.exists()
        assert places.held_here() == 0
        day = TokenBudget.objects.get()
        assert (day.used_tokens, day.reserved_tokens, day.reserved_calls, day.calls) == (
            paid.billed, 0, 0, 2,
        )  # fmt: skip

    def test_what_follows_is_done_later_if_the_worker_is_killed_in_between(
        self, archive, paid, limit, monkeypatch
    ):
        limit(0)
        first, second = (archive.post(b"one") for _ in range(2))
        drain()
        limit(30_000)
        assert PaidAnalysis.objects.get().state == "waiting"

        def killed(*_, **__):
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(follow_up, "follow_up", killed)
            with pytest.raises(SystemExit):
                analyze.analyze_post(event_of(first), now=timezone.now())
        PaidAnalysis.objects.update(updated_at=timezone.now() - 2 * follow_up.FOLLOW_UP_TIMEOUT)
        retry_backlog.release_stale(now=timezone.now())
        drain(rounds=2)

        row = PaidAnalysis.objects.get()
        assert (row.state, row.wait_reason, row.follow_up_due) == ("done", "", False)
        assert len(paid.calls) == 1
        assert PostEnrichment.objects.get(post=second).vision_provider == "gigachat"

    def test_saving_an_answer_twice_counts_it_once(self, archive, paid):
        """As after a commit whose confirmation was lost with the connection."""
        (post,) = posts(archive, 1)
        settle = claims.settle_answer
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                claims, "settle_answer", lambda *a, **k: (settle(*a, **k), settle(*a, **k))[1]
            )
            analyze.analyze_post(event_of(post), now=timezone.now())

        day = TokenBudget.objects.get()
        assert (day.used_tokens, day.reserved_tokens, day.calls) == (1320, 0, 1)

    def test_an_answer_outlives_a_database_that_is_away_for_a_moment(self, archive, paid):
        (post,) = posts(archive, 1)
        settle, failures = claims.settle_answer, iter([OperationalError("gone")] * 3)

        def flaky(*args, **fields):
            for error in failures:
                raise error
            return settle(*args, **fields)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(claims, "settle_answer", flaky)
            analyze.analyze_post(event_of(post), now=timezone.now())

        assert (PaidAnalysis.objects.get().state, len(paid.calls)) == ("done", 1)
