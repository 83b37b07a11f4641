"""Pictures that wait for tokens or for the provider, and how they get their analysis."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Tenant
from events.models import Delivery, OutboxEvent
from events.schemas import VisionAnalyzedEventV1
from telegram_assistant.management.commands import qcluster
from tests.concurrency import together
from tests.integration.paid import budget_totals, digest, drain, event_of, with_settings
from vision import gauges, providers, tasks
from vision.limits import budget
from vision.models import PaidAnalysis, PostEnrichment, ProviderHealth, TokenBudget
from vision.policy.loader import current_policy
from vision.providers.fake import FakePaid, FakeVision
from vision.services import analyze, retry_backlog

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def paid(monkeypatch):
    ocr = FakeVision()
    monkeypatch.setattr(providers, "get_ocr", lambda: ocr)
    fake = FakePaid(tokens=1000)
    monkeypatch.setattr(providers, "get_gigachat", lambda: fake)
    return fake


@pytest.fixture
def vision(settings):
    def change(**values):
        settings.VISION = with_settings(settings.VISION, **values)

    change(vision_tokens_estimate=1000, vision_tokens_ceiling="1000", vision_max_output_tokens=64)
    return change


def exhausted(archive, vision, count=4):
    """So many posts, each with a picture that waits; the newest last."""
    vision(vision_max_daily_tokens=0)
    posts = [archive.post(f"{n}".encode()) for n in range(count)]
    drain()
    assert PaidAnalysis.objects.filter(state="waiting").count() == count
    return posts


def providers_of(posts) -> list[str]:
    rows = dict(PostEnrichment.objects.values_list("post_id", "vision_provider"))
    return [rows[post.pk] for post in posts]


def make_backfill(*posts) -> None:
    """As if they had come by an import."""
    PaidAnalysis.objects.filter(sha256__in=[digest(body) for body in posts]).update(is_recent=False)


class TestAskingAgain:
    def test_when_there_are_tokens_again_the_newest_are_analyzed_first(self, archive, vision, paid):
        posts = exhausted(archive, vision)
        vision(vision_max_daily_tokens=2999)

        tasks.retry_backlog()
        drain(rounds=3)

        assert providers_of(posts) == ["ocr_fallback"] * 2 + ["gigachat"] * 2
        assert budget_totals() == (2000, 0) == (paid.billed, 0)

    def test_recent_posts_come_before_newer_backfill(self, archive, vision, paid):
        posts = exhausted(archive, vision)
        make_backfill(b"3", b"2")
        vision(vision_max_daily_tokens=1000)

        tasks.retry_backlog()
        drain()

        assert providers_of(posts) == ["ocr_fallback", "gigachat", "ocr_fallback", "ocr_fallback"]

    def test_the_paid_analysis_replaces_the_text_and_is_published(self, archive, vision):
        (post,) = exhausted(archive, vision, count=1)
        vision(vision_max_daily_tokens=5000)

        tasks.retry_backlog()
        drain()

        told = OutboxEvent.objects.filter(topic="posts.vision.analyzed").order_by("pk")
        first, second = [VisionAnalyzedEventV1.model_validate(e.payload) for e in told]
        row = PostEnrichment.objects.get(post=post)
        assert (first.vision.provider, second.vision.provider) == ("ocr_fallback", "gigachat")
        assert row.features_hash == second.features_hash
        assert (row.vision_tokens_used, row.vision_analysis_reason) == (1000, "new")

    @pytest.mark.costly
    def test_other_posts_with_the_picture_get_it_too_and_pay_nothing(self, archive, vision, paid):
        vision(vision_max_daily_tokens=0)
        posts = [archive.post(b"one") for _ in range(3)]
        drain()
        vision(vision_max_daily_tokens=5000)

        tasks.retry_backlog()
        drain(rounds=2)

        assert providers_of(posts) == ["gigachat"] * 3
        assert len(paid.calls) == 1

    @pytest.mark.costly
    def test_calls_of_the_schedule_do_not_add_up_to_a_storm(self, archive, vision, paid):
        exhausted(archive, vision, count=6)
        vision(vision_max_daily_tokens=2999)

        for _ in range(5):
            tasks.retry_backlog()

        asked = Delivery.objects.filter(subscriber__startswith="vision.analyze", state="pending")
        assert asked.count() == 2
        drain(rounds=3)
        assert len(paid.calls) == 2
        assert PaidAnalysis.objects.filter(state="waiting").count() == 4

    @pytest.mark.costly
    def test_two_schedulers_at_once_ask_once(self, archive, vision):
        exhausted(archive, vision, count=6)
        vision(vision_max_daily_tokens=3000)

        together(*[tasks.retry_backlog] * 4)

        assert PaidAnalysis.objects.filter(state="requested").count() == 3

    def test_a_picture_that_is_requested_and_has_to_wait_again_publishes_nothing(
        self, archive, vision
    ):
        exhausted(archive, vision, count=1)
        vision(vision_max_daily_tokens=1000)
        tasks.retry_backlog()
        vision(vision_max_daily_tokens=0)

        drain()

        assert PaidAnalysis.objects.get().state == "waiting"
        assert OutboxEvent.objects.filter(topic="posts.vision.analyzed").count() == 1

    def test_what_was_asked_for_in_vain_waits_again(self, archive, vision):
        exhausted(archive, vision, count=1)
        vision(vision_max_daily_tokens=1000)
        tasks.retry_backlog()
        Delivery.objects.all().delete()
        PaidAnalysis.objects.update(requested_at=timezone.now() - timedelta(hours=2))

        tasks.retry_backlog()
        drain()

        assert PaidAnalysis.objects.get().state == "done"

    def test_a_picture_that_no_post_shows_any_more_is_asked_of_nobody(self, archive, vision, paid):
        (post,) = exhausted(archive, vision, count=1)
        post.delete()
        vision(vision_max_daily_tokens=5000)

        tasks.retry_backlog()
        drain()

        analysis = PaidAnalysis.objects.get()
        assert (analysis.state, analysis.error_class, paid.calls) == ("failed", "post_gone", [])

    def test_while_the_provider_is_away_nothing_is_asked_and_then_one_probes(
        self, archive, vision, paid
    ):
        exhausted(archive, vision)
        vision(vision_max_daily_tokens=9000)
        health = ProviderHealth.objects.create(
            provider="gigachat", failures=5, open_until=timezone.now() + timedelta(minutes=1)
        )

        tasks.retry_backlog()
        assert PaidAnalysis.objects.filter(state="waiting").count() == 4
        health.open_until = timezone.now()
        health.save()
        tasks.retry_backlog()

        assert PaidAnalysis.objects.filter(state="requested").count() == 1

    def test_a_waiting_picture_that_rests_is_left_alone_until_its_time(self, archive, vision):
        exhausted(archive, vision, count=1)
        vision(vision_max_daily_tokens=9000)
        PaidAnalysis.objects.update(due_at=timezone.now() + timedelta(hours=1))

        tasks.retry_backlog()

        assert PaidAnalysis.objects.get().state == "waiting"

    def test_switched_off_nothing_waits(self, archive, vision):
        vision(vision_max_daily_tokens=0, vision_queue_when_exhausted=False)
        archive.post(b"one")

        drain()

        assert not PaidAnalysis.objects.filter(state="waiting").exists()

    def test_fact_067_a_room_that_is_switched_off_asks_for_nothing(self, archive, vision):
        exhausted(archive, vision, count=1)
        vision(vision_max_daily_tokens=5000, feature_vision_enabled=False)

        tasks.retry_backlog()

        assert PaidAnalysis.objects.get().state == "waiting"

    def test_a_full_queue_keeps_what_matters_most(self, archive, vision):
        archive.tenant.settings = {"vision_policy": {"limits": {"max_queue_depth": 2}}}
        archive.tenant.save()
        vision(vision_max_daily_tokens=0)
        posts = [archive.post(f"{n}".encode(), tell=False) for n in (2, 0, 3, 1)]
        for post in posts:
            analyze.analyze_post(event_of(post), now=timezone.now())

        waiting = PaidAnalysis.objects.filter(state="waiting").order_by("posted_at")

        newest = sorted(posts, key=lambda post: post.posted_at)[-2:]
        assert [analysis.posted_at for analysis in waiting] == [post.posted_at for post in newest]

    def test_a_person_may_ask_for_what_was_refused(self, archive, vision, paid):
        post = archive.post(b"one")
        PaidAnalysis.objects.create(
            tenant=archive.tenant, sha256=digest(b"one"), provider="gigachat",
            model=paid.model, schema_version="1.0", state="failed", error_class="x",
        )  # fmt: skip
        drain()
        assert providers_of([post]) == ["ocr_fallback"]

        assert retry_backlog.retry_now(PaidAnalysis.objects.all(), now=timezone.now()) == 1
        drain()

        assert providers_of([post]) == ["gigachat"]


class TestBudgetCommand:
    def report(self, *arguments):
        out = StringIO()
        call_command("diag_vision", "budget", "--json", *arguments, stdout=out, stderr=StringIO())
        return json.loads(out.getvalue())

    @pytest.mark.costly
    def test_it_says_what_was_used_and_what_is_to_come(self, archive, vision, settings):
        settings.GIGACHAT = with_settings(settings.GIGACHAT, vision_model="GigaChat-Pro")
        vision(vision_max_daily_tokens=2500)
        for n in range(12):
            archive.post(f"{n}".encode())
        drain(rounds=4)

        report = self.report()

        assert (report["used"], report["reserved"], report["left"]) == (2000, 0, 500)
        assert (report["waiting"], report["tokens_expected"]) == (10, 10_000)
        assert report["waiting_by_reason"] == {"daily_limit": 10}
        # A ceiling is 1 250 by now: today's 500 hold no picture, 2 500 of each other day hold two.
        assert (report["estimate_most"], report["days_needed"]) == (1250, 5)
        assert (report["price"], report["cost_expected"], report["month_cost"]) == (0.5, 5.0, 1.0)

    def test_it_resets_and_asks_at_once(self, archive, vision):
        exhausted(archive, vision, count=2)
        TokenBudget.objects.update(used_tokens=5000)
        vision(vision_max_daily_tokens=5000)

        report = self.report("--tenant-id", str(archive.tenant.pk), "--reset")
        drain(rounds=2)

        assert (report["used"], report["forgiven"], report["left"]) == (5000, 5000, 5000)
        assert PaidAnalysis.objects.filter(state="done").count() == 2

    def test_for_people_it_is_a_table(self, archive, vision):
        exhausted(archive, vision, count=2)
        out = StringIO()

        call_command("diag_vision", "budget", stdout=out)

        lines = out.getvalue().splitlines()
        [waiting] = [line for line in lines if line.startswith("Картинок ожидает")]
        assert waiting.endswith("     2 (токены на день израсходованы: 2)")
        assert "в эти лимиты не уложиться никогда" in out.getvalue()

    def test_an_unknown_tenant_is_an_error(self, archive):
        with pytest.raises(CommandError, match="Нет арендатора"):
            call_command("diag_vision", "budget", "--tenant-id", "nobody")


class TestGauges:
    def samples(self, name):
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for metric in gauges.VisionCollector().collect()
            for sample in metric.samples
            if sample.name == name
        }

    def test_fact_056_the_gauge_is_the_share_of_the_daily_limit_and_rises(self, archive, vision):
        vision(vision_max_daily_tokens=4000)
        key = (("tenant_id", str(archive.tenant.pk)),)
        assert self.samples("vision_budget_usage_gauge") == {key: 0.0}
        archive.post(b"one")
        drain()
        assert self.samples("vision_budget_usage_gauge") == {key: 0.25}
        archive.post(b"two")
        drain()

        assert self.samples("vision_budget_usage_gauge") == {key: 0.5}
        tokens = self.samples("vision_budget_usage_tokens")
        assert tokens[("period", "day"), ("tenant_id", str(archive.tenant.pk))] == 2000

    def test_waiting_pictures_and_the_breaker_are_shown(self, archive, vision):
        exhausted(archive, vision, count=3)
        ProviderHealth.objects.create(
            provider="gigachat", failures=5, open_until=timezone.now() + timedelta(minutes=1)
        )

        assert list(self.samples("vision_pictures_waiting").values()) == [3]
        states = self.samples("circuit_breaker_state")
        assert [labels for labels, value in states.items() if value] == [
            (("name", "gigachat"), ("state", "open"))
        ]


class TestConsole:
    PAGES = ("paidanalysis", "tokenbudget", "providerhealth")

    def test_pages_cost_the_same_with_one_row_and_with_twenty(self, archive, admin_client, vision):
        def count(page):
            with CaptureQueriesContext(connection) as queries:
                assert admin_client.get(f"/admin/vision/{page}/").status_code == 200
            return len(queries)

        def fill(number):
            analysis = {"provider": "gigachat", "model": "m", "schema_version": "1.0"}
            tenant = Tenant.objects.create(name=f"tenant {number}")
            PaidAnalysis.objects.create(
                tenant=tenant,
                sha256=digest(f"{number}".encode()),
                state="waiting",
                wait_reason="daily_limit",
                **analysis,
            )
            TokenBudget.objects.create(tenant=tenant, day=timezone.now().date(), used_tokens=5)
            ProviderHealth.objects.create(provider=f"p{number}", failures=number)

        fill(0)
        count(self.PAGES[0])  # the first request of a session is noted
        few = {page: count(page) for page in self.PAGES}
        for number in range(1, 20):
            fill(number)

        assert {page: count(page) for page in self.PAGES} == few

    def test_the_page_of_a_paid_analysis_shows_what_was_found(self, archive, admin_client, vision):
        archive.post(b"one")
        drain()
        analysis = PaidAnalysis.objects.get()

        page = admin_client.get(f"/admin/vision/paidanalysis/{analysis.pk}/change/")

        assert page.status_code == 200
        assert f"picture {analysis.sha256[:8]}" in page.content.decode()

    def test_buttons_forgive_tokens_and_ask_again(self, archive, admin_client, vision):
        exhausted(archive, vision, count=2)
        TokenBudget.objects.update(used_tokens=5000)
        vision(vision_max_daily_tokens=5000)
        row, analysis = TokenBudget.objects.get(), PaidAnalysis.objects.first()

        admin_client.post(
            "/admin/vision/paidanalysis/", {"action": "retry", "_selected_action": [analysis.pk]}
        )
        assert PaidAnalysis.objects.filter(state="requested").count() == 1
        admin_client.post(
            "/admin/vision/tokenbudget/", {"action": "reset_usage", "_selected_action": [row.pk]}
        )

        row.refresh_from_db()
        assert (row.forgiven_tokens, row.used_tokens) == (5000, 5000)
        assert PaidAnalysis.objects.filter(state="requested").count() == 2

    def test_a_broken_override_is_refused_with_its_reason(self, archive, admin_client):
        tenant = archive.tenant
        form = {
            "name": tenant.name, "limit_bytes": "",
            "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0,
            "settings": json.dumps({"vision_policy": {"limits": {"max_image_mb": "big"}}}),
        }  # fmt: skip

        page = admin_client.post(f"/admin/accounts/tenant/{tenant.pk}/change/", form)

        assert page.status_code == 200
        assert "limits.max_image_mb" in page.content.decode()
        tenant.refresh_from_db()
        assert tenant.settings == {}


def test_the_estimate_of_a_new_day_does_not_forget(archive, vision, now):
    with_estimate = budget.estimate("gigachat", "m", current_policy())

    assert (with_estimate.ceiling, with_estimate.mean, with_estimate.samples) == (1000, 1000.0, 0)


@pytest.mark.parametrize(("enabled", "lines"), [(True, 1), (False, 0)])
def test_fact_067_workers_say_whether_they_analyze_pictures(
    vision, monkeypatch, caplog, enabled, lines
):
    monkeypatch.setattr(qcluster.Cluster, "handle", lambda *_, **__: None)
    vision(feature_vision_enabled=enabled)

    qcluster.Command().handle()

    assert caplog.text.count("Vision Analysis task started") == lines
