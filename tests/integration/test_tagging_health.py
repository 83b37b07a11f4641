"""Whether tagging is well, as doctor and /health/detailed tell it; and a cycle in which workers are killed."""

import os
import random
import signal
import time

import pytest
from django.db import connections, transaction
from django.utils import timezone

from events import outbox
from events.delivery import worker
from events.health import Status
from events.models import Delivery, OutboxEvent
from media.posts import post_events
from tests import factories as make
from tests.integration.paid import with_settings
from tests.integration.test_tagging import LONG, P10, analyzed, drain, parsed
from vision.health import tagging
from vision.models import EnrichmentKind, PostEnrichment, ProviderHealth
from vision.tagging.rules import rule_jobs, rules

pytestmark = pytest.mark.django_db


def found(probe) -> dict[str, tuple[Status, str]]:
    told, name = {}, ""
    for one in probe():
        if isinstance(one, str):
            name = one
        else:
            told[name] = (one.status, one.detail)
    return told


class TestHealth:
    def test_with_nothing_to_do_all_is_well(self) -> None:
        assert {status for status, _ in found(tagging.state).values()} == {Status.OK}
        assert tagging.figures()["oldest_seconds"] == 0

    @pytest.mark.parametrize(("minutes", "status"), [(5, Status.OK), (45, Status.WARNING)])
    def test_the_age_of_the_queue(self, minutes, status) -> None:
        parsed(make.post(content=LONG))
        Delivery.objects.update(due_at=timezone.now() - timezone.timedelta(minutes=minutes))
        facts = tagging.figures()

        assert found(tagging.state)["queue"][0] == status
        assert 60 * minutes <= facts["oldest_seconds"] < 60 * minutes + 60
        assert facts["in_progress_is_high"] is (status == Status.WARNING)

    def test_what_was_given_up_and_rules_at_work(self) -> None:
        post = make.post(content=LONG)
        parsed(post)
        Delivery.objects.filter(subscriber="vision.tag").update(state="dead", error_code="Boom")
        rule_jobs.want(rules.make(post.tenant, "a", word="b"), now=make.NOW)

        assert found(tagging.state)["given up"] == (Status.WARNING, "1, the last: Boom")
        assert tagging.figures()["rules_being_applied"] == 1

    def test_a_tagger_that_is_not_there_is_told_and_what_it_missed_can_be_tagged_again(
        self, gigachat, settings
    ) -> None:
        settings.VISION = with_settings(settings.VISION, tagger="gigachat")
        breaker = ProviderHealth.objects.create(
            provider="gigachat", failures=9, open_until=timezone.now() + timezone.timedelta(hours=1)
        )
        parsed(make.post(content=LONG))
        drain()
        assert found(tagging.state)["tagger"][0] == Status.WARNING
        breaker.delete()
        status, detail = found(tagging.state)["tagger"]

        assert status == Status.WARNING
        assert "stood in for GigaChat" in detail
        assert detail.endswith(": 1")

    @pytest.mark.parametrize(("model", "status"), [("", Status.OK), ("GigaChat-9", Status.FAILED)])
    def test_the_model_is_looked_for_in_the_list(self, gigachat, settings, model, status) -> None:
        settings.VISION = with_settings(settings.VISION, tagger="gigachat", tagging_model=model)
        [told] = found(tagging.reachable).values()

        assert told[0] == status
        assert gigachat.stats()["answers"] == 0

    def test_of_the_local_tagger_there_is_nothing_to_check(self) -> None:
        [told] = found(tagging.reachable).values()
        assert told[0] == Status.SKIPPED


def _retagged(posts: int, kills: int) -> tuple[int, int]:
    """Posts are analyzed anew and each is told twice, while who tags is killed; the retags told."""
    chance = random.Random(7)
    channel = make.channel()
    made = [make.post(of=channel, content=f"{LONG} {n}", has_media=True) for n in range(posts)]
    with transaction.atomic():
        outbox.publish_many(
            [post_events.parsed(one, channel, [], first=True, trace_id="t") for one in made]
        )
    drain()
    PostEnrichment.objects.bulk_create(
        PostEnrichment(
            post=one, tenant_id=one.tenant_id, channel_id=one.channel_id, kind=EnrichmentKind.VISION,
            vision_version=P10, features_hash="a" * 64, vision_analyzed_at=make.NOW,
            vision_ocr_text="кот " * 60,
        )
        for one in made
    )  # fmt: skip
    for one in made + made:
        analyzed(one, version=P10, row=False)
    killed = sum(_killed_after(chance.uniform(0.02, 0.2)) for _ in range(kills))
    for _ in range(3):
        Delivery.objects.filter(state__in=("pending", "leased")).update(due_at=timezone.now())
        drain()
    told = OutboxEvent.objects.filter(topic="posts.tagged", payload__trigger="vision_retag")
    return told.count(), killed


def _killed_after(seconds: float) -> bool:
    connections.close_all()
    pid = os.fork()
    if not pid:
        try:
            worker.drain("tagging")
        finally:
            os._exit(0)
    time.sleep(seconds)
    ended, _ = os.waitpid(pid, os.WNOHANG)
    if not ended:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return not ended


@pytest.mark.django_db(transaction=True)
def test_each_post_is_retagged_exactly_once_whoever_is_killed() -> None:
    assert _retagged(40, kills=2)[0] == 40


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_so_are_a_thousand_with_ten_kills() -> None:
    told, killed = _retagged(1000, kills=10)

    assert told == 1000
    assert killed >= 5
