"""Reanalysis: the selection of posts, the forecast of the cost, and requesting it once."""

import io
import json
import re
from datetime import UTC, date, datetime

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Tenant
from events.console import list_of
from events.models import Delivery, OutboxEvent
from media.models import Post
from tests import factories as make
from tests.integration.paid import digest, drain, with_settings
from vision import providers, selectors
from vision.admin import reanalyze as reanalyze_page
from vision.limits.budget import Estimate, Spent, TokenLimits
from vision.limits.forecast import PictureCount, days_needed
from vision.models import AnalysisState, PaidAnalysis, PostEnrichment
from vision.providers.fake import FakePaid
from vision.providers.port import SCHEMA_VERSION
from vision.reanalysis import request, selection
from vision.reanalysis.channels import ChannelUnknown, find_channels
from vision.reanalysis.forecast import forecast
from vision.reanalysis.selection import Selection, generation, schema_numbers
from vision.services import retry_backlog
from vision.version import parse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ocr")]
with_commits = pytest.mark.django_db(transaction=True)
"""Where events are published, and delivered by threads with connections of their own."""

EVERYTHING = Selection()


@pytest.fixture
def reanalyze():
    """Runs the command; returns what it wrote to stdout."""

    def run(*arguments):
        out = io.StringIO()
        call_command("reanalyze", *map(str, arguments), stdout=out, stderr=io.StringIO())
        return out.getvalue()

    return run


@pytest.fixture
def ask(now):
    def run(chosen=EVERYTHING, name="run", *, retry_refused=False):
        return request.request(chosen, run=name, retry_refused=retry_refused, now=timezone.now())

    return run


def chosen(**bounds):
    """Message ids of the posts, in the order of requests."""
    found = selection.batches(Selection(**bounds))
    return [shown.post.telegram_message_id for batch in found for shown in batch]


def uploads():
    return OutboxEvent.objects.filter(topic="posts.vision.uploaded")


def analyzed_as(post, **fields):
    return make.enrichment(post, **({"vision_provider": "gigachat"} | fields))


class TestSelection:
    def test_all_posts_that_show_something_newest_first(self, archive):
        archive.post(b"one", tell=False)
        archive.post(tell=False)
        archive.post(b"two", b"three", tell=False)

        assert chosen() == [3, 1]

    def test_batches_join_without_gaps_also_at_the_same_moment(self, archive, monkeypatch):
        monkeypatch.setattr(selection, "BATCH", 2)
        for number in range(7):
            archive.post(b"%d" % number, tell=False)
        archive.channel.posts.update(posted_at=timezone.now())

        assert sorted(chosen()) == [1, 2, 3, 4, 5, 6, 7]
        assert len(chosen(limit=5)) == 5

    def test_bounds_of_posts(self, archive):
        first, second = archive.post(b"one", tell=False), archive.post(b"two", tell=False)
        other = make.post(media=[make.media_object()], telegram_message_id=77)

        assert chosen(tenant_id=archive.tenant.pk) == [2, 1]
        assert chosen(channel_ids=[other.channel_id]) == [77]
        assert chosen(post_ids=[first.pk]) == [1]
        assert chosen(post_ids=[]) == []  # none is not all
        assert chosen(tenant_id=archive.tenant.pk, since=second.posted_at) == [2]
        assert chosen(tenant_id=archive.tenant.pk, until=second.posted_at) == [1]

    def test_by_provider(self, archive):
        for number, provider in enumerate(["gigachat", "ocr_fallback", "none"]):
            analyzed_as(archive.post(b"%d" % number, tell=False), vision_provider=provider)
        archive.post(b"nobody yet", tell=False)

        assert chosen(provider="ocr_fallback") == [2]
        assert chosen(provider="gigachat") == [1]
        assert chosen() == [4, 3, 2, 1]

    @pytest.mark.parametrize(
        ("model", "older_than_2", "older_than_3"),
        [
            ("GigaChat", True, True),
            ("GigaChat-Pro", True, True),
            ("GigaChat-Max-preview", True, True),
            ("GigaChat-2", False, True),
            ("GigaChat-2-Pro", False, True),
            ("GigaChat-3-Ultra", False, False),
            ("GigaChat-10-Pro", False, False),
        ],
    )
    def test_models_of_earlier_generations(self, archive, model, older_than_2, older_than_3):
        analyzed_as(archive.post(b"one", tell=False), vision_model=model)

        assert bool(chosen(model_older_than=2)) is older_than_2
        assert bool(chosen(model_older_than=3)) is older_than_3
        assert chosen(model=model) == [1]
        assert chosen(model_older_than=generation(model)) == []

    def test_text_recognition_has_no_generation(self, archive):
        post = archive.post(b"one", tell=False)
        analyzed_as(post, vision_provider="ocr_fallback", vision_model="tesseract-5")

        assert chosen(model_older_than=9) == []

    @pytest.mark.parametrize(
        ("schema", "older"),
        [("0.9", True), ("1.0", True), ("1.1", False), ("1.10", False), ("2", False), ("x", True)],
    )
    def test_schemas_are_compared_as_numbers(self, archive, schema, older):
        post = archive.post(b"one", b"two", tell=False)
        looks = {"a": {"schema_version": "99.0"}, "b": {"schema_version": schema}}
        analyzed_as(post, data={"analyses": looks})

        assert bool(chosen(schema_older_than=schema_numbers("1.1"))) is older

    @pytest.mark.parametrize(
        ("text", "older"),
        [
            ("vision@2026-11-20#p99", True),
            ("vision@2026-11-21#p9", True),
            ("vision@2026-11-21#p10", False),
            ("vision@2026-11-22#p1", False),
            ("", True),
            ("p1", True),
        ],
    )
    def test_versions_are_compared_as_numbers(self, archive, text, older):
        analyzed_as(archive.post(b"one", tell=False), vision_version=text)

        assert bool(chosen(version_older_than=parse("vision@2026-11-21#p10"))) is older

    def test_a_batch_costs_the_same_queries_however_many_posts_it_has(self, archive, now):
        def queries():
            with CaptureQueriesContext(connection) as captured:
                forecast(EVERYTHING, retry_refused=False, now=now)
            return len(captured)

        archive.post(b"one", tell=False)
        one = queries()
        for number in range(10):
            archive.post(b"%d" % number, tell=False)

        assert queries() == one


class TestChannels:
    @pytest.mark.parametrize(
        "text", ["новости", "Новости", " @Alice ", "alice", "-1001234", "{id}"]
    )
    def test_by_any_of_their_names(self, text):
        channel = make.channel(title="Новости", username="alice", tg_channel_id=-1001234)
        make.channel()

        assert find_channels(text.format(id=channel.pk), tenant_id=None) == [channel]

    def test_tenants_that_follow_the_same_channel_are_distinguished(self):
        first, second = (make.channel(username="news") for _ in range(2))

        assert set(find_channels("@news", tenant_id=None)) == {first, second}
        assert find_channels("@news", tenant_id=first.tenant_id) == [first]

    @pytest.mark.parametrize("text", ["", " ", "@", "\0", "x" * 5000, "9" * 40, "-", "'; --"])
    def test_an_unknown_one_is_refused_with_those_there_are(self, text):
        make.channel(title="Новости")

        with pytest.raises(ChannelUnknown, match="Новости"):
            find_channels(text, tenant_id=None)


class TestForecast:
    def test_each_picture_is_paid_once_whatever_posts_show_it(self, archive, paid, now):
        archive.post(b"one", tell=False)
        archive.post(b"one", tell=False)
        archive.post(b"two", tell=False)

        found = forecast(EVERYTHING, retry_refused=False, now=now)

        assert found.posts == 3
        assert (found.pictures["total"], found.pictures["to_pay"]) == (2, 2)
        assert (found.tokens_a_picture, found.tokens) == (1792, 3584)
        assert found.cost_roubles == 1.79  # GigaChat-Pro: 0.5 roubles for 1000
        assert (found.model, found.days) == ("GigaChat-Pro", 0)

    @with_commits
    def test_a_paid_result_is_not_paid_twice(self, archive, paid):
        archive.post(b"one")
        drain()
        archive.post(b"one", tell=False)
        archive.post(b"two", tell=False)

        found = forecast(EVERYTHING, retry_refused=False, now=timezone.now())

        assert (found.pictures["paid_before"], found.pictures["to_pay"]) == (1, 1)
        assert (found.tokens_a_picture, found.tokens) == (1320, 1320)  # as the last one cost

    @with_commits
    def test_by_another_model_it_is(self, archive, paid):
        archive.post(b"one")
        drain()
        paid.model = "GigaChat-2-Max"

        found = forecast(EVERYTHING, retry_refused=False, now=timezone.now())

        assert (found.pictures["paid_before"], found.pictures["to_pay"]) == (0, 1)

    def test_pictures_excluded_by_the_policy_are_counted_separately(self, archive, paid, now):
        archive.post(b"film", mime="video/mp4", tell=False)
        archive.post(b"a" * 20000, b"b" * 30000, b"c" * 40000, tell=False)

        found = forecast(EVERYTHING, retry_refused=False, now=now)

        assert (found.pictures["left_out"], found.pictures["to_pay"]) == (2, 2)

    def test_a_picture_that_one_post_leaves_out_and_another_has_analyzed_is_to_be_paid(
        self, archive, paid, now
    ):
        routing = {"skip_if_channel": ["dump"]}
        archive.tenant.settings = {"vision_policy": {"routing": routing}}
        archive.tenant.save()
        archive.post(b"one", tell=False)
        dump = make.channel(owner=archive.tenant, username="dump")
        make.post(of=dump, media=[archive.media(b"one"), archive.media(b"two")])

        pictures = forecast(EVERYTHING, retry_refused=False, now=now).pictures

        assert (pictures["total"], pictures["to_pay"], pictures["left_out"]) == (2, 1, 1)

    def test_a_refused_picture_is_left_out_unless_it_is_to_be_retried(self, archive, paid, now):
        archive.post(b"one", tell=False)
        PaidAnalysis.objects.create(
            tenant=archive.tenant, sha256=digest(b"one"), provider=paid.name, model=paid.model,
            schema_version=SCHEMA_VERSION, state=AnalysisState.FAILED, reason="blacklist",
        )  # fmt: skip

        kept = forecast(EVERYTHING, retry_refused=False, now=now).pictures
        retried = forecast(EVERYTHING, retry_refused=True, now=now).pictures

        assert (kept["refused_before"], kept["to_pay"]) == (1, 0)
        assert (retried["refused_before"], retried["to_pay"]) == (0, 1)

    def test_without_a_paid_provider_it_costs_nothing(self, archive, now):
        archive.post(b"one", tell=False)

        found = forecast(EVERYTHING, retry_refused=False, now=now)

        assert (found.provider, found.pictures["to_read"]) == ("ocr_fallback", 1)
        assert (found.tokens, found.cost_roubles, found.days) == (0, 0, 0)

    @pytest.mark.parametrize(
        ("recent", "backfill", "limits", "spent", "days"),
        [
            (0, 0, TokenLimits(100, None, 100), Spent(0, 0), 0),
            (0, 10, TokenLimits(100, None, 100), Spent(0, 0), 0),
            (0, 11, TokenLimits(100, None, 100), Spent(0, 0), 1),
            (0, 10, TokenLimits(100, None, 60), Spent(0, 0), 1),
            (10, 0, TokenLimits(100, None, 60), Spent(0, 0), 0),  # recent posts have the whole day
            (5, 10, TokenLimits(100, None, 60), Spent(0, 0), 2),  # 5 and 1, then 6, then 3
            (8, 6, TokenLimits(100, None, 60), Spent(0, 0), 1),  # backfill waits for its share
            (0, 10, TokenLimits(100, None, 100), Spent(50, 50), 1),
            (0, 10**9, TokenLimits(None, None, None), Spent(0, 0), 0),
            (0, 1, TokenLimits(0, None, 0), Spent(0, 0), None),
            (0, 10, TokenLimits(9, None, 9), Spent(0, 0), None),  # no picture fits into a day
            (0, 15, TokenLimits(100, 120, 100), Spent(0, 0), 10),  # the 1st of the next month
            (0, 10**9, TokenLimits(100, None, 100), Spent(0, 0), None),
        ],
    )
    def test_days_until_the_budget_is_enough(self, recent, backfill, limits, spent, days):
        pictures, estimate = PictureCount(recent, backfill), Estimate(10, 10.0, 100)

        found = days_needed(
            pictures, estimate=estimate, limits=limits, spent=spent, today=date(2026, 11, 21)
        )

        assert found == days

    @pytest.mark.parametrize("month", [None, 300_000])
    def test_command_console_and_preview_say_the_same_of_the_same_pictures(
        self, archive, paid, settings, month
    ):
        """Five thousand pictures of older posts; for the preview, the posts of the backlog."""
        settings.VISION = with_settings(settings.VISION, vision_max_monthly_tokens=month)
        settings.GIGACHAT = with_settings(settings.GIGACHAT, vision_model=paid.model)
        archive.post(b"old", tell=False)
        now = timezone.now()
        waiting = [
            PaidAnalysis(
                tenant=archive.tenant, sha256=digest(b"old" if not n else b"%d" % n),
                provider=paid.name, model=paid.model, schema_version=SCHEMA_VERSION,
                state=AnalysisState.WAITING, wait_reason="daily_limit", is_recent=False,
            )
            for n in range(5000)
        ]  # fmt: skip
        PaidAnalysis.objects.bulk_create(waiting)

        preview = forecast(EVERYTHING, retry_refused=False, now=now)
        report = selectors.budget_report(archive.tenant, now=now)

        assert report.waiting == report.waiting_backfill == 5000
        assert report.days_needed == preview.days
        # 54 pictures of 1 792 tokens a day until less than 4 096 of the 100 000 are left.
        assert (preview.days > 800) if month else (preview.days == 92)
        assert report.cost_expected == 5000 * 1792 * 0.5 / 1000


@with_commits
class TestRequest:
    def test_each_post_is_requested_once_in_a_run(self, archive, ask):
        archive.post(b"one", tell=False)
        archive.post(b"two", b"three", tell=False)

        assert ask() == 2
        assert ask() == 0
        assert ask(name="another") == 2
        assert request.count_requested("run") == 2

    def test_posts_read_by_text_recognition_are_analyzed_now(self, archive, monkeypatch, ask):
        post = archive.post(b"one")
        drain()
        assert PostEnrichment.objects.get(post=post).vision_provider == "ocr_fallback"
        fake = FakePaid()
        monkeypatch.setattr(providers, "get_gigachat", lambda: fake)

        ask(Selection(provider="ocr_fallback"))
        drain()

        row = PostEnrichment.objects.get(post=post)
        assert (row.vision_provider, row.vision_tokens_used) == ("gigachat", 1320)
        assert chosen(provider="ocr_fallback") == []

    def test_a_paid_result_is_reused(self, archive, paid, ask):
        archive.post(b"one")
        drain()
        PostEnrichment.objects.update(params_hash="", vision_version="")  # of an older release

        ask()
        drain()

        row = PostEnrichment.objects.get()
        assert paid.billed == 1320
        assert row.vision_version != ""

    def test_an_interrupted_run_continues(self, archive, ask, monkeypatch):
        monkeypatch.setattr(selection, "BATCH", 2)
        for number in range(5):
            archive.post(b"%d" % number, tell=False)
        seen = []

        def stop(count):
            seen.append(count)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            request.request(
                EVERYTHING, run="run", retry_refused=False, now=timezone.now(), progress=stop
            )

        assert (seen, uploads().count()) == ([2], 2)
        assert ask() == 3
        assert uploads().count() == 5

    def test_a_limit_counts_over_all_parts_of_a_run(self, archive, ask):
        for number in range(6):
            archive.post(b"%d" % number, tell=False)

        assert ask(Selection(limit=2)) == 2
        assert ask(Selection(limit=3)) == 1
        assert ask(Selection(limit=3)) == 0
        assert ask(Selection(limit=2)) == 0

    def test_everything_of_a_run_has_its_trace_id(self, archive, ask):
        archive.post(b"one", tell=False)
        ask()
        drain()

        traces = OutboxEvent.objects.filter(topic__startswith="posts.vision").values_list(
            "trace_id", flat=True
        )
        assert set(traces) == {"reanalyze:run"}

    def test_a_refused_picture_is_retried_on_request(self, archive, paid, ask):
        post = archive.post(b"one", tell=False)
        analysis = PaidAnalysis.objects.create(
            tenant=archive.tenant, sha256=digest(b"one"), provider=paid.name, model=paid.model,
            schema_version=SCHEMA_VERSION, state=AnalysisState.FAILED, reason="blacklist", retry_rounds=3,
        )  # fmt: skip
        other = PaidAnalysis.objects.create(
            tenant=Tenant.objects.create(name="other"), sha256=digest(b"one"),
            provider=paid.name, model=paid.model, schema_version=SCHEMA_VERSION,
            state=AnalysisState.FAILED,
        )  # fmt: skip

        ask(name="kept")
        drain()
        assert paid.billed == 0
        ask(name="again", retry_refused=True)
        drain()

        analysis.refresh_from_db()
        other.refresh_from_db()
        assert (analysis.state, other.state) == (AnalysisState.DONE, AnalysisState.FAILED)
        assert PostEnrichment.objects.get(post=post).vision_provider == "gigachat"

    @pytest.mark.costly
    def test_what_todays_tokens_are_not_enough_for_waits_however_long_the_line_is(
        self, archive, paid, ask, settings
    ):
        settings.VISION = with_settings(
            settings.VISION, vision_max_daily_tokens=2000, vision_tokens_ceiling="1700"
        )
        archive.tenant.settings = {"vision_policy": {"limits": {"max_queue_depth": 1}}}
        archive.tenant.save()
        for number in range(4):
            archive.post(b"%d" % number, tell=False)

        ask()
        drain(rounds=2)

        waiting = PaidAnalysis.objects.filter(state=AnalysisState.WAITING)
        assert paid.billed == 1320
        assert [analysis.wait_reason for analysis in waiting] == ["reanalysis"] * 3
        archive.post(b"ordinary")
        drain()
        assert waiting.all().count() == 4  # the ordinary line has its own place

        settings.VISION = with_settings(settings.VISION, vision_max_daily_tokens=100_000)
        retry_backlog.retry_due(now=timezone.now())
        drain(rounds=2)
        assert paid.billed == 5 * 1320
        assert not waiting.all().exists()

    def test_a_recent_post_is_not_delayed(self, archive, ask):
        archive.post(b"old", tell=False)
        recent = archive.post(b"new", tell=False)
        recent.posted_at = timezone.now()
        recent.save()

        ask()

        subscribers = Delivery.objects.filter(event__topic="posts.vision.uploaded")
        assert sorted(subscribers.values_list("subscriber", flat=True)) == [
            "vision.analyze", "vision.analyze_backfill",
        ]  # fmt: skip


class TestCommand:
    def test_without_yes_it_shows_the_cost_and_requests_nothing(self, archive, paid, reanalyze):
        archive.post(b"one", tell=False)

        found = json.loads(reanalyze("--all", "--json"))
        text = reanalyze("--channel", "Канал")

        assert (found["asked"], found["tokens"], found["posts"]) == (False, 1792, 1)
        assert "1792" in text
        assert "0.90 ₽" in text
        assert "GigaChat-Pro" in text
        assert not uploads().exists()

    def test_a_dry_run_is_the_preview_and_no_run(self, archive, paid, reanalyze):
        archive.post(b"one", tell=False)

        assert reanalyze("--all", "--dry-run", "--json") == reanalyze("--all", "--json")
        with pytest.raises(CommandError, match="--dry-run"):
            reanalyze("--all", "--dry-run", "--yes")

        assert not uploads().exists()

    @pytest.mark.parametrize("yes", ["--yes", "--execute"])
    @with_commits
    def test_with_yes_it_requests_the_analyses(self, archive, reanalyze, yes):
        archive.post(b"one", tell=False)

        asked = json.loads(reanalyze("--channel", archive.channel.pk, yes, "--json"))

        assert (asked["asked"], asked["posts"]) == (True, 1)
        assert request.count_requested(asked["run"]) == 1
        assert json.loads(reanalyze("--all", yes, "--json", "--run", asked["run"]))["posts"] == 0

    def test_days_are_whole_and_the_servers(self, archive, reanalyze):
        for moment in (
            "2026-11-19T20:59",
            "2026-11-19T21:00",
            "2026-11-20T20:59",
            "2026-11-20T21:00",
        ):
            post = archive.post(moment.encode(), tell=False)
            post.posted_at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
            post.save()

        def count(*options):
            return json.loads(reanalyze(*options, "--json"))["posts"]

        assert count("--from", "2026-11-20", "--to", "2026-11-20") == 2  # 21:00 UTC in Moscow
        assert count("--from", "2026-11-20") == 3
        assert count("--to", "2026-11-20T21:00:00+00:00") == 3

    def test_older_than_the_current_one_needs_no_value(self, archive, reanalyze, settings):
        analyzed_as(
            archive.post(b"one", tell=False), vision_version="vision@2020-01-01#p1",
            vision_model="GigaChat-2-Pro", data={"analyses": {"a": {"schema_version": "0.1"}}},
        )  # fmt: skip

        def count(*options):
            return json.loads(reanalyze("--provider", "gigachat", *options, "--json"))["posts"]

        assert count("--vision-version-older-than", "--schema-older-than") == 1
        assert count("--model-older-than", "GigaChat-3-Pro") == 1
        assert count("--model-older-than", "GigaChat-2-Max") == 0
        assert count("--model", "GigaChat-2-Pro", "--limit", "5") == 1

    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("--all", "--provider", "gigachat"),
            ("--provider", "openai"),
            ("--channel", "nobody"),
            ("--tenant", "nobody"),
            ("--post-id", "x"),
            ("--from", "yesterday"),
            ("--to", "9999-12-31"),
            ("--limit", "0"),
            ("--limit", "-5"),
            ("--limit", "many"),
            ("--all", "--run", "a b"),
            ("--schema-older-than", "new"),
            ("--vision-version-older-than", "p1"),
        ],
    )
    def test_what_makes_no_sense_is_refused_in_one_line(self, reanalyze, arguments):
        with pytest.raises(CommandError):
            reanalyze(*arguments)

    def test_without_a_subscriber_nothing_is_requested(self, archive, reanalyze, settings):
        settings.VISION = with_settings(settings.VISION, feature_vision_enabled=False)
        archive.post(b"one", tell=False)

        with pytest.raises(CommandError, match="FEATURE_VISION_ENABLED"):
            reanalyze("--all", "--yes")
        assert not uploads().exists()

    def test_an_unusable_policy_is_reported(self, archive, reanalyze):
        archive.tenant.settings = {"vision_policy": {"limits": {"max_image_mb": "lots"}}}
        archive.tenant.save()
        archive.post(b"one", tell=False)

        with pytest.raises(CommandError, match="max_image_mb"):
            reanalyze("--all")


@pytest.mark.filterwarnings("ignore:No directory at")  # nobody ran collectstatic here
class TestConsole:
    @pytest.fixture
    def page(self, client, archive):
        """Presses the action on a list; returns the answer, and the run its page would begin."""
        client.force_login(make.member("operator", archive.tenant))

        def press(model, action, *rows, **fields):
            body = {"action": action, "_selected_action": [row.pk for row in rows], **fields}
            answer = client.post(list_of(model), body, follow=True)
            run = re.search(r'name="run" value="([^"]+)"', answer.content.decode())
            return answer, run and run[1]

        return press

    @pytest.mark.parametrize("over", ["posts", "enrichments"])
    @with_commits
    def test_it_shows_the_cost_and_requests_after_a_confirmation(self, archive, paid, page, over):
        posts = [archive.post(b"%d" % number, tell=False) for number in range(3)]
        rows = [analyzed_as(post) for post in posts]
        target = {
            "posts": (Post, "analyze_again", *posts[:2]),
            "enrichments": (PostEnrichment, "analyze_posts_again", *rows[:2]),
        }[over]

        preview, run = page(*target)

        assert "3584" in preview.content.decode().replace("\xa0", "")
        assert not uploads().exists()
        for _ in range(2):  # a double click
            done, _run = page(*target, run=run)
            assert done.status_code == 200
        assert {event.payload["post_id"] for event in uploads()} == {
            str(post.pk) for post in posts[:2]
        }
        assert uploads().count() == 2

    @with_commits
    def test_posts_that_match_only_now_are_not_paid_for_unseen(self, archive, paid, page):
        archive.post(b"one", tell=False)
        every = {"select_across": "1"}
        preview, run = page(Post, "analyze_again", *Post.objects.all(), **every)
        [of] = re.findall(r'name="of" value="([0-9a-f]{64})"', preview.content.decode())
        archive.post(b"two", tell=False)

        again, other_run = page(
            Post, "analyze_again", *Post.objects.all()[:1], **every, run=run, of=of
        )

        assert "Выбраны уже другие посты" in again.content.decode()
        assert other_run != run
        assert not uploads().exists()
        [of] = re.findall(r'name="of" value="([0-9a-f]{64})"', again.content.decode())
        page(Post, "analyze_again", *Post.objects.all()[:1], **every, run=other_run, of=of)
        assert uploads().count() == 2

    def test_a_hostile_run_requests_nothing(self, archive, page):
        post = archive.post(b"one", tell=False)

        answer, run = page(Post, "analyze_again", post, run="a b<script>")

        assert run != "a b<script>"
        assert "<script>a" not in answer.content.decode()
        assert not uploads().exists()

    def test_too_many_posts_are_for_the_command(self, archive, page, monkeypatch):
        monkeypatch.setattr(reanalyze_page, "MOST_POSTS", 1)
        posts = [archive.post(b"%d" % number, tell=False) for number in range(2)]

        answer, run = page(Post, "analyze_again", *posts)

        assert run is None
        assert "reanalyze" in answer.content.decode()

    @pytest.mark.parametrize("model", [Post, PostEnrichment])
    def test_a_user_with_read_access_is_not_offered_it(self, archive, client, model):
        analyzed_as(archive.post(b"one", tell=False))
        client.force_login(make.member())

        assert "again" not in client.get(list_of(model)).content.decode().split("<script", 1)[1]
        client.post(list_of(model), {
            "action": "analyze_again", "_selected_action": [model.objects.get().pk], "run": "run",
        })  # fmt: skip
        assert not uploads().exists()
