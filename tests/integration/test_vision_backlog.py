"""Pictures of the backlog whose turn does not come by itself: nobody is forgotten, and nobody stands in the way."""

from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Delivery, OutboxEvent
from tests.integration.paid import digest, drain, event_of, with_settings
from tests.unit.test_phash import encoded, scene
from vision import providers, tasks
from vision.analysis import backlog, cache
from vision.models import AnalysisState, PaidAnalysis, PostEnrichment, ProviderHealth
from vision.providers.fake import FakePaid
from vision.providers.port import SCHEMA_VERSION, ErrorClass, ProviderBusy, ProviderRefused
from vision.reanalysis import request
from vision.reanalysis.forecast import forecast
from vision.reanalysis.selection import Selection
from vision.services import analyze, provider_call, retry_backlog

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ocr")]

ORIGINAL, COPY = (encoded(scene(), quality=quality) for quality in (90, 70))


@pytest.fixture(autouse=True)
def paid(monkeypatch):
    fake = FakePaid(tokens=1000)
    monkeypatch.setattr(providers, "get_gigachat", lambda: fake)
    return fake


@pytest.fixture
def vision(settings):
    def change(**values):
        settings.VISION = with_settings(settings.VISION, **values)

    change(vision_tokens_estimate=1000, vision_tokens_ceiling="1000", vision_max_output_tokens=64)
    return change


@pytest.fixture
def one_at_a_time(monkeypatch):
    monkeypatch.setattr(backlog, "MAX_AT_ONCE", 1)


def waiting(archive, vision, *bodies: bytes):
    """A post for each of the bodies, whose pictures wait for tokens; then there are tokens."""
    vision(vision_max_daily_tokens=0)
    posts = [archive.post(body) for body in bodies]
    drain()
    assert PaidAnalysis.objects.filter(state="waiting").count() == len(set(bodies))
    vision(vision_max_daily_tokens=9000)
    return posts


def an_hour_later() -> None:
    asked = PaidAnalysis.objects.filter(state="requested", requested_at__isnull=False)
    asked.update(requested_at=timezone.now() - timedelta(hours=2))


def providers_of(posts) -> list[str]:
    rows = dict(PostEnrichment.objects.values_list("post_id", "vision_provider"))
    return [rows[post.pk] for post in posts]


class TestAnotherModel:
    @pytest.mark.costly
    def test_what_waits_for_the_former_model_is_analyzed_by_the_present_one(
        self, archive, vision, paid, one_at_a_time
    ):
        posts = waiting(archive, vision, b"0", b"1", b"2")
        paid.model = "GigaChat-2-Max"

        for _ in posts:
            tasks.retry_backlog()
            drain(rounds=2)
            an_hour_later()
        tasks.retry_backlog()

        assert providers_of(posts) == ["gigachat"] * 3
        assert len(paid.calls) == 3
        assert not PaidAnalysis.objects.filter(state="waiting").exists()

    def test_every_post_with_the_picture_gets_the_present_models_result(
        self, archive, vision, paid
    ):
        posts = waiting(archive, vision, b"0", b"0")
        paid.model = "GigaChat-2-Max"

        tasks.retry_backlog()
        drain(rounds=2)

        assert providers_of(posts) == ["gigachat"] * 2
        assert len(paid.calls) == 1

    def test_a_person_may_ask_for_it_too(self, archive, vision, paid):
        posts = waiting(archive, vision, b"0")
        paid.model = "GigaChat-2-Max"

        assert retry_backlog.retry_now(PaidAnalysis.objects.all(), now=timezone.now()) == 1
        drain(rounds=2)
        an_hour_later()
        retry_backlog.release_stale(now=timezone.now())

        assert providers_of(posts) == ["gigachat"]
        assert not PaidAnalysis.objects.filter(state="waiting").exists()


class TestAnotherPolicy:
    def leave_out(self, archive, *mimes: str) -> None:
        kept = ["image/png", "image/jpeg"]
        override = {"allowed_mime_types": {"images": [one for one in kept if one not in mimes]}}
        archive.tenant.settings = {"vision_policy": override}
        archive.tenant.save()

    def test_what_it_leaves_out_by_now_stands_in_nobodys_way(
        self, archive, vision, paid, one_at_a_time
    ):
        vision(vision_max_daily_tokens=0)
        first = archive.post(b"first", mime="image/png")
        archive.post(b"second", mime="image/jpeg")
        drain()
        self.leave_out(archive, "image/jpeg")
        vision(vision_max_daily_tokens=9000)

        for _ in range(2):
            tasks.retry_backlog()
            drain(rounds=2)

        assert providers_of([first]) == ["gigachat"]
        left_out = PaidAnalysis.objects.get(sha256=digest(b"second"))
        assert (left_out.state, left_out.requested_at) == ("waiting", None)
        assert left_out.due_at > timezone.now() + timedelta(hours=23)

    def test_it_is_analyzed_when_the_policy_takes_it_again(self, archive, vision, paid):
        posts = waiting(archive, vision, b"0")
        self.leave_out(archive, "image/jpeg")
        tasks.retry_backlog()
        drain()
        self.leave_out(archive)
        PaidAnalysis.objects.update(due_at=timezone.now())

        tasks.retry_backlog()
        drain()

        assert providers_of(posts) == ["gigachat"]


class TestOtherPosts:
    def test_they_get_the_analysis_of_a_copy_that_the_picture_reuses(
        self, archive, vision, paid, one_at_a_time
    ):
        posts = waiting(archive, vision, COPY, COPY, ORIGINAL)

        for _ in range(2):  # the newest first, and then its copy
            tasks.retry_backlog()
            drain(rounds=2)

        assert providers_of(posts) == ["gigachat"] * 3
        assert len(paid.calls) == 1
        [reused] = PaidAnalysis.objects.filter(is_reused=True)
        assert (reused.state, reused.wait_reason) == ("done", "")

    def test_they_get_what_is_found_in_the_bucket(self, archive, vision, paid, now):
        posts = waiting(archive, vision, b"0", b"0")
        key = cache.key_of(archive.tenant.pk, digest(b"0"), paid)
        found = paid.analyze(b"0", mime="", prompt="", now=now)
        assert cache.write(key, found, tenant=archive.tenant, now=now)

        tasks.retry_backlog()
        drain(rounds=3)

        assert providers_of(posts) == ["gigachat"] * 2
        assert len(paid.calls) == 1

    def test_they_do_not_wait_for_what_was_refused(self, archive, vision, paid):
        posts = waiting(archive, vision, b"0", b"0")
        paid.script = [ProviderRefused("blacklist", "no")]

        tasks.retry_backlog()
        drain(rounds=3)

        rows = PostEnrichment.objects.filter(post__in=posts)
        told = {(one["reason"], one["waits"]) for row in rows for one in row.metadata["decisions"]}
        assert told == {("blacklist", False)}


class TestGone:
    @pytest.fixture
    def gone(self, archive, vision):
        [post] = waiting(archive, vision, b"0")
        post.delete()
        tasks.retry_backlog()
        assert PaidAnalysis.objects.get().error_class == "post_gone"

    def test_a_picture_that_is_posted_again_is_analyzed(self, archive, paid, gone):
        post = archive.post(b"0")

        drain()

        assert providers_of([post]) == ["gigachat"]
        assert PaidAnalysis.objects.get().error_class == ""

    def test_the_forecast_counts_it_among_those_to_pay(self, archive, gone):
        archive.post(b"0", tell=False)

        pictures = forecast(Selection(), retry_refused=False, now=timezone.now()).pictures

        assert (pictures["to_pay"], pictures["refused_before"]) == (1, 0)


class TestOutage:
    SERVER, LIMITED = ErrorClass.RETRYABLE_SERVER_ERROR, ErrorClass.RETRYABLE_RATE_LIMIT

    @pytest.fixture
    def fails(self, archive, vision, paid, settings):
        """Whether the picture is given up after so many rounds in which each call fails."""
        vision(vision_api_max_retries=0)

        def run(error_class, *, threshold, maybe_billed=False):
            settings.GIGACHAT = with_settings(
                settings.GIGACHAT, circuit_breaker_failure_threshold=threshold
            )
            rounds = backlog.MAX_RETRY_ROUNDS + 3
            unwell = ProviderBusy("unwell", error_class=error_class, maybe_billed=maybe_billed)
            paid.script = [unwell] * rounds
            archive.post(b"0")
            drain()
            for _ in range(rounds - 1):
                PaidAnalysis.objects.update(due_at=None)
                ProviderHealth.objects.filter(open_until__isnull=False).update(
                    open_until=timezone.now()
                )
                tasks.retry_backlog()
                drain()
            return PaidAnalysis.objects.get().state == AnalysisState.FAILED

        return run

    @pytest.mark.costly
    def test_a_picture_is_not_given_up_while_the_provider_answers_nobody(self, fails, paid):
        assert not fails(self.SERVER, threshold=1)

        assert paid.script == []
        assert PaidAnalysis.objects.get().due_at > timezone.now() + timedelta(hours=15)

    @pytest.mark.costly
    def test_nor_because_the_provider_asks_to_slow_down(self, fails):
        assert not fails(self.LIMITED, threshold=1000)

    def test_it_is_where_only_this_one_fails(self, fails):
        assert fails(self.SERVER, threshold=1000)

    def test_it_is_where_each_call_may_have_been_billed(self, fails):
        assert fails(ErrorClass.RETRYABLE_NETWORK, threshold=1, maybe_billed=True)


def test_a_refusal_that_is_reset_takes_no_place_of_the_backlog(archive, paid):
    archive.post(b"0", tell=False)
    PaidAnalysis.objects.create(
        tenant=archive.tenant, sha256=digest(b"0"), provider=paid.name, model=paid.model,
        schema_version=SCHEMA_VERSION, state="failed", requested_at=timezone.now(),
    )  # fmt: skip

    request.request(Selection(), run="run", retry_refused=True, now=timezone.now())

    row = PaidAnalysis.objects.get()
    assert (row.state, row.requested_at) == ("requested", None)
    assert OutboxEvent.objects.filter(topic="posts.vision.uploaded").count() == 1


def says_that_it_is_to_come(post) -> bool:
    [decision] = PostEnrichment.objects.get(post=post, kind="vision").metadata["decisions"]
    return bool(decision.get("waits"))


def test_posts_of_a_picture_that_a_full_backlog_drops_do_not_say_that_it_is_to_come(
    archive, vision
):
    archive.tenant.settings = {"vision_policy": {"limits": {"max_queue_depth": 2}}}
    archive.tenant.save()
    vision(vision_max_daily_tokens=0)
    posts = []
    for body in (b"1", b"2", b"3", b"4"):  # each newer than those before
        posts += [archive.post(body), archive.post(body)]
        drain()

    assert [says_that_it_is_to_come(post) for post in posts] == [False] * 4 + [True] * 4


def test_a_picture_whose_calls_failed_is_not_asked_about_anew_when_it_is_dropped(
    archive, paid, vision
):
    archive.tenant.settings = {"vision_policy": {"limits": {"max_queue_depth": 1}}}
    archive.tenant.save()
    waiting(archive, vision, b"fails")
    PaidAnalysis.objects.update(retry_rounds=1, due_at=timezone.now() + timedelta(hours=1))
    vision(vision_max_daily_tokens=0)
    archive.post(b"newer")
    drain()
    asked = Delivery.objects.filter(subscriber__startswith="vision.analyze").count()
    vision(vision_max_daily_tokens=9000)

    drain()

    assert paid.calls == []
    assert asked == 2, "one for each post"
    states = PaidAnalysis.objects.order_by("posted_at").values_list("state", flat=True)
    assert list(states) == ["requested", "waiting"]


def test_what_had_its_turn_and_may_wait_no_more_is_said_by_all_its_posts(archive, vision):
    posts = waiting(archive, vision, b"same", b"same", b"same")
    vision(vision_max_daily_tokens=0, vision_queue_when_exhausted=False)

    assert retry_backlog.retry_now(PaidAnalysis.objects.all(), now=timezone.now()) == 1
    drain()

    assert [says_that_it_is_to_come(post) for post in posts] == [False] * 3
    assert PaidAnalysis.objects.get().state == "requested"
    asked = Delivery.objects.filter(subscriber__startswith="vision.analyze", state="pending")
    assert not asked.exists(), "nothing asks again and again"


def test_a_full_backlog_drops_nothing_that_was_analyzed_a_moment_ago(archive, vision, monkeypatch):
    waiting(archive, vision, b"old", b"new")
    last, row = PaidAnalysis.objects.order_by("posted_at")
    done = {"state": "done", "analysis": {}, "wait_reason": ""}
    importance = backlog._importance

    def meanwhile(one):
        PaidAnalysis.objects.filter(pk=last.pk).update(**done)
        return importance(one)

    monkeypatch.setattr(backlog, "_importance", meanwhile)

    assert backlog.enqueue(row, why="daily_limit", depth=1)

    last.refresh_from_db()
    assert (last.state, last.wait_reason) == ("done", "")


def test_the_lease_of_a_claim_begins_with_the_claim(archive, paid, monkeypatch):
    post, left, ask = archive.post(b"0", tell=False), [], paid.analyze_prepared

    def analyze_prepared(*args, **kwargs):
        left.append(PaidAnalysis.objects.get().claimed_until - timezone.now())
        return ask(*args, **kwargs)

    monkeypatch.setattr(paid, "analyze_prepared", analyze_prepared)

    # Half an hour went by while the picture was fetched and compared.
    analyze.analyze_post(event_of(post), now=timezone.now() - timedelta(minutes=30))

    assert left[0] > provider_call.lease() - timedelta(minutes=1)
