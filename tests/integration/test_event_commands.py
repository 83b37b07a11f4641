"""`manage.py events` and `manage.py drain`, as an operator types them."""

import io
import json
import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from events import outbox, subscriptions
from events.delivery import worker
from events.errors import DomainError, RetryLater
from events.models import Delivery, DeliveryState, OutboxEvent
from events.retry import Backoff
from events.schemas import VisionUploadedEventV1
from events.subscriptions import Mode, subscribe
from tests.integration.conftest import Ping

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]

FOREVER_AGO = timedelta(days=30)


class Never(DomainError):
    """The same work cannot succeed later either."""

    code = "never"
    permanent = True


@pytest.fixture(autouse=True)
def _only_our_subscribers():
    subscriptions._registry.clear()


@pytest.fixture
def manage():
    """Runs a command; returns what it wrote to stdout."""

    def _(*arguments: object) -> str:
        out = io.StringIO()
        call_command(*map(str, arguments), stdout=out, stderr=io.StringIO())
        return out.getvalue()

    return _


@pytest.fixture
def manage_json(manage):
    """As `manage`, with --json; there must be exactly one JSON value on stdout."""

    def _(*arguments: object) -> object:
        return json.loads(manage(*arguments, "--json"))

    return _


def listen(handler=None, **options):
    def answer(event, *, now):
        return handler(event) if handler else "heard"

    subscribe(Ping, name=options.pop("name", "test.listen"), **options)(answer)


def publish(*events):
    with transaction.atomic():
        outbox.publish_many(events)


def refuse(event):
    raise Never(f"no {event.number}")


def bury(manage, ping, *numbers, name="test.listen"):
    """Dead letters of these numbers; from then on their subscriber is content."""
    listen(refuse, name=name)
    publish(*(ping(n) for n in numbers))
    with pytest.raises(SystemExit):
        manage("drain")
    subscriptions.unsubscribe(name)
    listen(name=name)


def delivery_of(number: int) -> Delivery:
    return Delivery.objects.get(event__idempotency_key=f"ping:{number}")


class TestStats:
    def test_without_events_it_says_so(self, manage, manage_json):
        assert manage("events", "stats") == "No events.\n"
        assert manage_json("events", "stats") == []

    def test_it_counts_per_topic_and_subscriber(self, manage, manage_json, ping):
        bury(manage, ping, 1)
        publish(ping(2), ping(3))

        rows = {(row["topic"], row["subscriber"]): row for row in manage_json("events", "stats")}

        row = rows["test.ping", "test.listen"]
        assert 0 <= row.pop("oldest_seconds") < 60
        assert row == {
            "topic": "test.ping", "subscriber": "test.listen",
            "length": 3, "pending": 2, "leased": 0, "done": 0, "dead": 1,
        }  # fmt: skip
        assert rows["dlq.message", ""]["oldest_seconds"] is None

    def test_as_text_it_is_a_table_with_a_heading(self, manage, ping):
        listen()
        publish(ping(1))

        heading, line = manage("events", "stats").splitlines()

        assert heading.split() == [
            "topic", "subscriber", "length", "pending", "leased", "done", "dead", "oldest_seconds",
        ]  # fmt: skip
        assert line.split()[:7] == ["test.ping", "test.listen", "1", "1", "0", "0", "0"]


class TestList:
    def test_without_deliveries_it_says_so(self, manage, manage_json):
        assert manage("events", "list") == "No such tasks.\n"
        assert manage_json("events", "list") == []

    def test_the_newest_come_first_and_no_more_than_asked_for(self, manage_json, ping):
        listen()
        publish(*(ping(n) for n in range(25)))

        usual = manage_json("events", "list")
        few = manage_json("events", "list", "--limit", 2)

        assert len(usual) == 20
        assert [row["event_id"] for row in few] == [row["event_id"] for row in usual[:2]]
        assert few[0]["event_id"] > few[1]["event_id"]

    def test_no_fewer_than_none_are_asked_for(self, manage, ping):
        listen()
        publish(ping(1))

        with pytest.raises(CommandError, match="--limit"):
            manage("events", "list", "--limit", -1)

    @pytest.mark.parametrize(
        ("filters", "numbers"),
        [
            (("--state", "dead"), [1]),
            (("--state", "pending"), [2]),
            (("--error", "never"), [1]),
            (("--topic", "test.ping"), [1, 2]),
            (("--topic", "test.ping", "--state", "pending"), [2]),
            (("--subscriber", "test.listen"), [1, 2]),
            (("--subscriber", "somebody.else"), []),
            (("--topic", "posts.parsed"), []),
        ],
    )
    def test_filters_narrow_the_list(self, manage, manage_json, ping, filters, numbers):
        bury(manage, ping, 1)
        publish(ping(2))

        rows = manage_json("events", "list", *filters)

        assert sorted(row["delivery_id"] for row in rows) == [delivery_of(n).pk for n in numbers]

    def test_a_row_says_what_is_needed_to_go_on(self, manage, manage_json, ping):
        bury(manage, ping, 1)
        dead = delivery_of(1)

        [row] = manage_json("events", "list", "--state", "dead")

        assert row == {
            "delivery_id": dead.pk, "event_id": dead.event_id, "topic": "test.ping",
            "subscriber": "test.listen", "state": "dead", "attempts": 1,
            "due_at": dead.due_at.isoformat(timespec="seconds"), "error": "never",
            "trace_id": dead.event.trace_id,
        }  # fmt: skip
        assert dead.event.trace_id in manage("events", "list", "--state", "dead")

    def test_a_state_that_does_not_exist_is_refused_with_those_that_do(self, manage):
        with pytest.raises(CommandError, match=r"pending.*leased.*done.*dead"):
            manage("events", "list", "--state", "lost")


class TestShow:
    def test_an_event_is_shown_with_its_deliveries(self, manage, manage_json, ping):
        bury(manage, ping, 1)
        dead = delivery_of(1)

        shown = manage_json("events", "show", dead.event_id)

        [delivery] = shown.pop("deliveries")
        assert shown["idempotency_key"] == "ping:1"
        assert shown["payload"]["number"] == 1
        assert (delivery["state"], delivery["error_code"]) == ("dead", "never")
        assert delivery["error_details"] == "no 1"
        assert "refuse" in delivery["error_trace"]

    def test_for_people_it_is_indented_and_letters_stay_letters(self, manage, ping):
        publish(ping(1))
        event = OutboxEvent.objects.get()
        OutboxEvent.objects.update(payload={"text": "снег"})

        text = manage("events", "show", event.pk)

        assert '\n  "payload": {\n    "text": "снег"\n  }' in text
        assert json.loads(text)["deliveries"] == []

    def test_an_unknown_event_is_refused_with_the_way_to_find_one(self, manage):
        with pytest.raises(CommandError, match=r"no event 404; see `events list`"):
            manage("events", "show", 404)


class TestReplay:
    def test_all_dead_letters_are_due_again(self, manage, ping):
        bury(manage, ping, 1, 2)

        text = manage("events", "replay", "--all")

        assert text == "Replayed 2 tasks.\n"
        assert set(Delivery.objects.values_list("state", "attempts")) == {("pending", 0)}
        assert manage("drain").startswith("test.listen: 2 done, 0 failed, 0 postponed, 0 dead")

    def test_a_dry_run_says_how_many_and_changes_nothing(self, manage, manage_json, ping):
        bury(manage, ping, 1, 2)

        text = manage("events", "replay", "--all", "--dry-run")
        report = manage_json("events", "replay", "--all", "--dry-run")

        assert text == "Would replay 2 tasks.\n"
        assert report == {"dry_run": True, "replayed": 2}
        assert Delivery.objects.filter(state=DeliveryState.DEAD).count() == 2

    @pytest.mark.parametrize(
        ("filters", "count"),
        [
            (("--error", "never"), 2),
            (("--error", "another"), 0),
            (("--topic", "test.ping"), 2),
            (("--subscriber", "test.listen", "--topic", "test.ping"), 2),
            (("--subscriber", "somebody.else"), 0),
        ],
    )
    def test_a_filter_chooses_what_is_replayed(self, manage, manage_json, ping, filters, count):
        bury(manage, ping, 1, 2)

        report = manage_json("events", "replay", *filters)

        assert report == {"dry_run": False, "replayed": count}
        assert Delivery.objects.filter(state=DeliveryState.PENDING).count() == count

    def test_single_deliveries_are_named_by_their_ids(self, manage, manage_json, ping):
        bury(manage, ping, 1, 2, 3)

        report = manage_json("events", "replay", delivery_of(1).pk, delivery_of(3).pk)

        assert report["replayed"] == 2
        assert delivery_of(2).state == DeliveryState.DEAD

    def test_an_id_and_a_filter_must_both_fit(self, manage, manage_json, ping):
        bury(manage, ping, 1)

        report = manage_json("events", "replay", delivery_of(1).pk, "--error", "another")

        assert report["replayed"] == 0

    def test_finished_deliveries_are_replayed_only_when_that_is_said(self, manage, ping):
        listen()
        publish(ping(1))
        manage("drain")

        without = manage("events", "replay", "--topic", "test.ping")
        with_done = manage("events", "replay", "--topic", "test.ping", "--done")

        assert without == "Replayed 0 tasks.\n"
        assert with_done == "Replayed 1 tasks.\n"

    def test_what_still_waits_is_left_alone(self, manage, ping):
        listen()
        publish(ping(1))

        assert manage("events", "replay", "--all", "--done") == "Replayed 0 tasks.\n"

    @pytest.mark.parametrize("choice", [(), ("--done",), ("--all", "--topic", "test.ping")])
    def test_nothing_or_everything_and_a_filter_is_refused_with_the_choices(self, manage, choice):
        with pytest.raises(CommandError, match=r"--topic, --subscriber, --error.*--all"):
            manage("events", "replay", *choice)


SEED_EVENT = {
    "schema_version": "v1",
    "trace_id": "test_0123456789abcdef",
    "idempotency_key": "tenant:post:sha",
    "tenant_id": "877193ef-be80-4977-aaeb-8009c3d772ee",
    "post_id": "your-post-uuid",
    "channel_id": "channel-uuid",
    "media_files": [
        {
            "sha256": "0" * 64,
            "s3_key": "media/tenant/00/00.jpg",
            "mime_type": "image/jpeg",
            "size_bytes": 512000,
            "telegram_file_id": "test_file_id",
        }
    ],
    "uploaded_at": "2025-01-28T12:00:00+00:00",
}
"""The event that the design has people publish by hand (CONTRACT §15)."""
UPLOADED = "posts.vision.uploaded"


class TestPublish:
    @pytest.fixture
    def file(self, tmp_path):
        def write(content=None, **changes):
            path = tmp_path / "event.json"
            text = content if content is not None else json.dumps(SEED_EVENT | changes)
            path.write_text(text, encoding="utf-8")
            return path

        return write

    def test_the_event_of_the_design_is_published_with_its_deliveries(self, manage_json, file):
        subscribe(VisionUploadedEventV1, name="test.vision")(lambda event, *, now: "seen")

        report = manage_json("events", "publish", UPLOADED, file())

        event = OutboxEvent.objects.get()
        assert report == {
            "event_id": event.pk,
            "published": True,
            "trace_id": "test_0123456789abcdef",
            "subscribers": ["test.vision"],
        }
        assert event.payload["media_files"][0]["size_bytes"] == 512000
        assert worker.drain("default").done == 1

    def test_the_stream_of_the_former_system_names_the_topic(self, manage, file):
        manage("events", "publish", "stream:posts:vision:uploaded", file())

        assert OutboxEvent.objects.get().topic == UPLOADED

    def test_nobody_to_hear_it_is_said(self, manage, file):
        assert "to nobody" in manage("events", "publish", UPLOADED, file())

    def test_it_is_read_from_stdin(self, manage, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(SEED_EVENT)))

        assert "Published event" in manage("events", "publish", UPLOADED, "-")

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"media_files": []}, "media_files: List should have at least 1 item"),
            ({"media_files": [{"sha256": "x"}]}, "media_files.0.sha256: "),
            ({"uploaded_at": "yesterday"}, "uploaded_at: "),
            ({"uploaded_at": "2025-01-28T12:00:00"}, "uploaded_at: "),
            ({"idempotency_key": ""}, "idempotency_key: "),
            ({"trace_id": "two words"}, "trace_id: "),
            ({"post_id": 7}, "post_id: "),
            ({"schema_version": "v2"}, "schema_version: "),
        ],
    )
    def test_each_wrong_field_is_named_and_nothing_is_published(self, manage, file, changes, named):
        with pytest.raises(CommandError, match=f"not an event of {UPLOADED}: ") as refusal:
            manage("events", "publish", UPLOADED, file(**changes))

        assert named in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert not OutboxEvent.objects.exists()

    @pytest.mark.parametrize("content", ["{", "[]", "", "null", "{'a': 1}"])
    def test_what_is_no_json_object_is_refused(self, manage, file, content):
        with pytest.raises(CommandError, match=r"не JSON|not (a )?JSON"):
            manage("events", "publish", UPLOADED, file(content))

    def test_an_unknown_topic_is_refused_with_those_there_are(self, manage, file, tmp_path):
        with pytest.raises(
            CommandError, match=r"no topic 'posts\.seen'; there are: .*posts\.parsed"
        ):
            manage("events", "publish", "posts.seen", file())
        with pytest.raises(CommandError, match="cannot be read"):
            manage("events", "publish", UPLOADED, tmp_path / "absent.json")

    def test_a_field_that_the_schema_has_not_is_said(self, file):
        err = io.StringIO()

        call_command("events", "publish", UPLOADED, str(file(pots_id="x")), stderr=err)

        assert "left out: pots_id" in err.getvalue()

    def test_the_same_key_again_is_not_published_and_that_is_no_success(self, manage, file):
        manage("events", "publish", UPLOADED, file())
        out = io.StringIO()

        with pytest.raises(SystemExit) as end:
            call_command("events", "publish", UPLOADED, str(file()), stdout=out)

        assert end.value.code == 1
        assert "the same idempotency_key" in out.getvalue()
        assert OutboxEvent.objects.count() == 1


class TestPrune:
    def grow_old(self, *numbers):
        keys = [f"ping:{n}" for n in numbers]
        OutboxEvent.objects.filter(idempotency_key__in=keys).update(
            created_at=timezone.now() - FOREVER_AGO
        )

    def test_finished_events_go_when_they_are_older_than_a_week(self, manage, ping):
        listen()
        publish(ping(1), ping(2))
        manage("drain")
        self.grow_old(1)

        text = manage("events", "prune")

        assert text == "Pruned 1 events.\n"
        assert OutboxEvent.objects.get().idempotency_key == "ping:2"

    def test_dead_and_waiting_ones_stay_however_old(self, manage, manage_json, ping):
        bury(manage, ping, 1)
        publish(ping(2))
        self.grow_old(1, 2)

        assert manage_json("events", "prune") == {"dry_run": False, "pruned": 0}

    def test_a_dry_run_says_how_many_and_deletes_nothing(self, manage, manage_json, ping):
        listen()
        publish(ping(1))
        manage("drain")
        self.grow_old(1)

        text = manage("events", "prune", "--dry-run")
        report = manage_json("events", "prune", "--dry-run")

        assert text == "Would prune 1 events.\n"
        assert report == {"dry_run": True, "pruned": 1}
        assert OutboxEvent.objects.exists()

    def test_the_age_may_be_given_in_parts_of_a_day(self, manage, ping):
        listen()
        publish(ping(1))
        manage("drain")
        OutboxEvent.objects.update(created_at=timezone.now() - timedelta(hours=2))

        assert manage("events", "prune", "--older-than-days", 0.5) == "Pruned 0 events.\n"
        assert manage("events", "prune", "--older-than-days", 0.05) == "Pruned 1 events.\n"


class TestDrain:
    def test_where_nothing_is_due_it_says_so(self, manage, manage_json):
        assert manage("drain") == "Nothing was due.\n"
        assert manage_json("drain") == {}

    def test_it_delivers_what_is_due_and_reports_per_subscriber(self, manage, manage_json, ping):
        listen(name="test.first")
        listen(name="test.second", queue="slow", mode=Mode.LEASED)
        publish(ping(1), ping(2))

        report = manage_json("drain")

        assert {name: row["done"] for name, row in report.items()} == {
            "test.first": 2, "test.second": 2,
        }  # fmt: skip
        assert set(report["test.first"]) == {"done", "failed", "postponed", "dead", "seconds"}

    def test_as_text_it_is_a_line_per_subscriber(self, manage, ping):
        listen()
        publish(ping(1))

        text = manage("drain")

        assert re.fullmatch(
            r"test\.listen: 1 done, 0 failed, 0 postponed, 0 dead, [\d.]+ seconds\n", text
        )

    def test_only_the_queue_that_was_named_is_drained(self, manage_json, ping):
        listen(name="test.quick")
        listen(name="test.slow", queue="slow")
        publish(ping(1))

        report = manage_json("drain", "--queue", "slow")

        assert list(report) == ["test.slow"]
        assert Delivery.objects.get(subscriber="test.quick").state == DeliveryState.PENDING

    def test_an_unknown_queue_is_refused_with_those_there_are(self, manage):
        listen()
        listen(name="test.slow", queue="slow")

        with pytest.raises(CommandError, match=r"no queue 'fast'; there are: default, slow"):
            manage("drain", "--queue", "fast")

    @pytest.mark.parametrize("output", [(), ("--json",)])
    def test_when_something_died_the_exit_code_is_1_and_the_report_is_whole(
        self, ping, capsys, output
    ):
        listen(refuse)
        publish(ping(1))

        with pytest.raises(SystemExit) as end:
            call_command("drain", *output, stderr=io.StringIO())

        written = capsys.readouterr().out
        assert end.value.code == 1
        assert (json.loads(written)["test.listen"]["dead"] == 1) if output else "1 dead" in written

    def test_a_failure_that_will_be_tried_again_is_no_death(self, manage_json, ping):
        def broken(event):
            raise RuntimeError("oops")

        listen(broken)
        publish(ping(1))

        report = manage_json("drain")

        assert (report["test.listen"]["failed"], report["test.listen"]["dead"]) == (1, 0)

    def test_until_idle_waits_for_what_backs_off(self, manage_json, ping):
        answers = iter([RuntimeError("oops"), RetryLater("busy", after=timedelta(seconds=0.2))])

        def shaky(event):
            if error := next(answers, None):
                raise error
            return "recovered"

        listen(shaky, backoff=Backoff(first=timedelta(milliseconds=50)))
        publish(ping(1))

        report = manage_json("drain", "--until-idle")

        row = report["test.listen"]
        assert (row["done"], row["failed"], row["postponed"]) == (1, 1, 1)
        assert Delivery.objects.get().state == DeliveryState.DONE

    def test_without_until_idle_it_does_not_wait(self, manage_json, ping):
        def busy(event):
            raise RetryLater("busy", after=timedelta(hours=1))

        listen(busy)
        publish(ping(1))

        report = manage_json("drain")

        assert report["test.listen"]["postponed"] == 1

    @pytest.mark.costly
    def test_until_idle_gives_up_without_progress_and_says_that_something_waits(self, ping):
        def busy(event):
            raise RetryLater("busy", after=timedelta(hours=1))

        listen(busy)
        publish(ping(1))

        with pytest.raises(SystemExit) as end:
            call_command(
                "drain", "--until-idle", "--max-wait", "0.1",
                stdout=io.StringIO(), stderr=io.StringIO(),
            )  # fmt: skip

        assert end.value.code == 1

    def test_a_chain_over_two_queues_is_followed_to_its_end(self, manage_json, ping):
        def chain(event):
            if event.number < 5:
                outbox.publish(ping(event.number + 1))
            return "ok"

        listen(chain, name="test.even", queue="a", when=lambda event: event.number % 2 == 0)
        listen(chain, name="test.odd", queue="b", when=lambda event: event.number % 2 == 1)
        publish(ping(0))

        report = manage_json("drain")

        assert (report["test.even"]["done"], report["test.odd"]["done"]) == (3, 3)

    def test_what_nobody_here_listens_to_is_neither_delivered_nor_waited_for(
        self, manage_json, ping
    ):
        listen(name="test.gone")
        publish(ping(1))
        subscriptions.unsubscribe("test.gone")
        listen(name="test.here", when=lambda event: False)

        assert manage_json("drain", "--until-idle", "--max-wait", 0.1) == {}
        assert Delivery.objects.get().state == DeliveryState.PENDING

    def test_the_queues_of_what_nobody_here_listens_to_have_no_work(self, ping):
        listen(name="test.gone", queue="gone")
        publish(ping(1))
        subscriptions.unsubscribe("test.gone")

        assert worker.due_queues(now=timezone.now()) == []
        assert worker.drain("gone").settled == 0


class TestWorker:
    def test_an_unknown_queue_is_refused_with_those_there_are(self):
        listen()

        with pytest.raises(CommandError, match=r"no queue fast; there are: default"):
            call_command("worker", "--queue", "fast")
