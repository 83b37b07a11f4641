"""People change limits, budgets and names in the console while work is in progress."""

from datetime import UTC, timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ
from PIL import Image

from accounts.models import Tenant
from events.models import Delivery
from media import tasks
from media.models import Channel, MediaState, Post
from media.services import imports
from media.services.pipeline import batches
from media.sources.export.source import ExportSource
from tests import factories as make
from tests.integration.paid import budget_totals, drain, event_of
from tests.unit.exports import chat, message, write
from vision.analysis import pay_once
from vision.analysis.claims import AnalysisRequest
from vision.analysis.pay_once import Deferred
from vision.duplicates.detection import Duplicates
from vision.limits import budget, written_off
from vision.models import PaidAnalysis, TokenBudget
from vision.policy.loader import current_policy
from vision.services import analyze

pytestmark = pytest.mark.django_db


def lower_tokens(tenant: Tenant, tokens: int) -> None:
    """As the console does; `tenant` is what a worker has read before that."""
    own = {"vision_policy": {"limits": {"max_daily_tokens_per_tenant": tokens}}}
    Tenant.objects.filter(pk=tenant.pk).update(settings=own)


def write_off(tenant: Tenant, tokens: int) -> budget.Reserved:
    return written_off.write_off(tenant, lambda: tokens, is_recent=True, now=timezone.now())


def correct(tenant: Tenant, assumed: budget.Reserved, *, used: int) -> None:
    written_off.correct(tenant, "gigachat", "m", assumed=assumed, used=used, now=timezone.now())


class TestTokens:
    def test_a_limit_that_is_lowered_before_its_call_refuses_a_picture(self, archive, paid):
        post = archive.post(b"one", tell=False)
        policy = current_policy(post.tenant)
        lower_tokens(post.tenant, 0)

        answer = pay_once.admit(
            AnalysisRequest(post, "a" * 64, is_recent=True),
            paid,
            policy,
            Duplicates(),
            claim_id=uuid4(),
            lease=timedelta(hours=1),
            now=timezone.now(),
        )

        assert answer == Deferred("daily_limit", waits=True)

    def test_a_limit_that_is_lowered_before_its_call_refuses_a_text(self):
        tenant = make.tenant()
        lower_tokens(tenant, 99)

        assert write_off(tenant, 100).refused_by == "daily_limit"

    @pytest.mark.parametrize("reset_before", [False, True])
    def test_a_reset_during_a_call_forgives_what_it_costs_and_no_more(self, reset_before):
        tenant, now = make.tenant(), timezone.now()
        if reset_before:
            correct(tenant, write_off(tenant, 700), used=700)
            budget.reset(tenant=tenant, now=now)

        call = write_off(tenant, 6_000)
        budget.reset(tenant=tenant, now=now)
        other = write_off(tenant, 5_000)
        correct(tenant, other, used=5_000)
        correct(tenant, call, used=500)

        assert budget.spent(tenant, now).day == 5_000

    def test_without_a_reset_during_it_a_call_counts_with_what_it_costs(self):
        tenant, now = make.tenant(), timezone.now()
        correct(tenant, write_off(tenant, 700), used=700)
        budget.reset(tenant=tenant, now=now)

        correct(tenant, write_off(tenant, 6_000), used=500)

        assert budget.spent(tenant, now).day == 500
        assert TokenBudget.objects.get().forgiven_tokens == 700


class TestNames:
    @pytest.fixture
    def channel(self) -> Channel:
        return make.channel(username="")

    @pytest.fixture
    def rename(self, channel):
        browser = Client()
        browser.force_login(make.superuser())
        address = reverse("admin:media_channel_change", args=[channel.pk])

        def save(name: str) -> None:
            form = {"initial-username": channel.username, "initial-is_active": "True"}
            form |= {"username": name, "is_active": "on", "_save": "1"}
            assert browser.post(address, form).status_code == 302

        return save

    @pytest.mark.filterwarnings("ignore:No directory at")  # nobody ran collectstatic here
    def test_the_links_of_stored_posts_get_a_name_that_a_person_enters(self, channel, rename):
        post = make.post(of=channel)
        Post.objects.update(telegram_post_url="https://t.me/c/1/1")

        rename("new_name")
        [task] = OrmQ.objects.all()
        assert task.func() == "media.tasks.renew_links"
        assert tasks.renew_links(**task.task["kwargs"]) == "links of 1 channels renewed"

        post.refresh_from_db()
        assert post.telegram_post_url == f"https://t.me/new_name/{post.telegram_message_id}"

    def test_and_so_do_those_of_an_import_that_has_begun_before(self, by_two):
        def rename(summary):
            if summary.counts["new"] == 2:
                Channel.objects.update(username="new_name")

        by_two([message(number) for number in range(1, 7)], rename)

        named = Post.objects.filter(telegram_post_url__startswith="https://t.me/new_name/")
        assert sorted(named.values_list("telegram_message_id", flat=True))[-2:] == [5, 6]


def test_a_quota_that_is_lowered_during_an_import_holds_for_what_is_left_of_it(tmp_path, by_two):
    messages = []
    for number in range(1, 9):
        picture = BytesIO()
        Image.new("RGB", (8, 8), (number * 20, 0, 0)).save(picture, "PNG")
        (tmp_path / f"{number}.png").write_bytes(picture.getvalue())
        messages.append(message(number, photo=f"{number}.png"))

    def lower(summary):
        if summary.counts["new"] == 2:
            Tenant.objects.update(limit_bytes=0)

    by_two(messages, lower)

    states = list(
        Post.objects.order_by("telegram_message_id").values_list("media_state", flat=True)
    )
    assert states[:2] == [MediaState.STORED] * 2
    assert states[-2:] == [MediaState.QUOTA_EXCEEDED] * 2


@pytest.fixture
def by_two(tmp_path, monkeypatch, store):
    """Import messages, two in a batch; the function is called after each."""
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 2)
    monkeypatch.setattr(imports, "SAVED_EVERY", 0)

    def run(messages, observe):
        folder = write(tmp_path, chat(messages))
        source = ExportSource(folder, zone=UTC)
        imports.import_export(source=source, path=folder, tenant=make.tenant(), observe=observe)

    return run


@pytest.mark.django_db(transaction=True)
def test_an_answer_about_a_post_that_is_deleted_meanwhile_is_kept_and_paid_for_once(
    archive, paid, monkeypatch
):
    first, other = archive.post(b"one"), archive.post(b"one", tell=False)
    answer = paid.analyze_prepared

    def deleting(*args, **more):
        Post.objects.filter(pk=first.pk).delete()
        return answer(*args, **more)

    monkeypatch.setattr(paid, "analyze_prepared", deleting)
    drain(rounds=3)
    analyze.analyze_post(event_of(other), now=timezone.now())

    assert len(paid.calls) == 1
    assert budget_totals() == (paid.tokens, 0)
    assert PaidAnalysis.objects.get().state == "done"
    deliveries = Delivery.objects.filter(subscriber="vision.analyze")
    assert set(deliveries.values_list("state", flat=True)) == {"done"}
