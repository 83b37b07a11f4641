import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from events.acted import acted
from events.delivery import dead_letters, stats
from events.management.numbers import count, days
from events.management.tables import table
from events.models import Delivery, DeliveryState, OutboxEvent
from events.outbox import pruning
from events.outbox.by_hand import EventRefused, PublishedByHand, publish_text
from events.tasks import KEEP

HEADS: Final = {
    "topic": pgettext_lazy("column", "topic"),
    "subscriber": pgettext_lazy("column", "subscriber"),
    "length": pgettext_lazy("column", "length"),
    "pending": pgettext_lazy("column", "pending"),
    "leased": pgettext_lazy("column", "leased"),
    "done": pgettext_lazy("column", "done"),
    "dead": pgettext_lazy("column", "dead"),
    "oldest_seconds": pgettext_lazy("column", "oldest_seconds"),
    "delivery_id": pgettext_lazy("column", "delivery_id"),
    "event_id": pgettext_lazy("column", "event_id"),
    "state": pgettext_lazy("column", "state"),
    "attempts": pgettext_lazy("column", "attempts"),
    "due_at": pgettext_lazy("column", "due_at"),
    "error": pgettext_lazy("column", "error"),
    "trace_id": pgettext_lazy("column", "trace_id"),
}
"""Heads of the columns; --json names them in English."""


class Command(BaseCommand):
    help = "Inspect events and tasks, run failed tasks again, publish by hand, delete old events."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        self._parser(commands, "stats", "length, pending and oldest age per topic and subscriber")
        listing = self._parser(commands, "list", "tasks, newest first")
        _add_filters(listing)
        listing.add_argument("--state", choices=DeliveryState.values)
        listing.add_argument("--limit", type=count(), default=20)
        show = self._parser(commands, "show", "one event with its tasks")
        show.add_argument("event_id", type=int)
        replay = self._parser(commands, "replay", "run failed tasks again")
        _add_filters(replay)
        replay.add_argument("delivery_id", type=int, nargs="*", help="these tasks")
        replay.add_argument("--all", action="store_true", help="every failed task")
        replay.add_argument("--done", action="store_true", help="finished tasks, too")
        replay.add_argument("--dry-run", action="store_true", help="only say how many")
        by_hand = self._parser(commands, "publish", "publish one event that is written in a file")
        by_hand.add_argument("topic", help="such as posts.vision.uploaded")
        by_hand.add_argument("file", metavar="FILE.json", help="the event; - reads from stdin")
        prune = self._parser(commands, "prune", "delete events whose tasks are finished")
        prune.add_argument("--older-than-days", type=days, default=KEEP.days)
        prune.add_argument("--dry-run", action="store_true", help="only say how many")

    @staticmethod
    def _parser(commands: Any, name: str, text: str) -> CommandParser:
        parser: CommandParser = commands.add_parser(name, help=text, description=text)
        parser.add_argument("--json", action="store_true", help="JSON on stdout")
        return parser

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['command']}")(options)

    def _stats(self, options: dict[str, Any]) -> None:
        rows = [row.as_dict() for row in stats.stats(now=timezone.now())]
        self._print(rows, options, empty=_("No events."))

    def _list(self, options: dict[str, Any]) -> None:
        deliveries = _filtered(Delivery.objects.select_related("event"), options)
        if options["state"]:
            deliveries = deliveries.filter(state=options["state"])
        rows = [_summary(d) for d in deliveries.order_by("-pk")[: options["limit"]]]
        self._print(rows, options, empty=_("No such tasks."))

    def _show(self, options: dict[str, Any]) -> None:
        event = OutboxEvent.objects.filter(pk=options["event_id"]).first()
        if event is None:
            raise CommandError(
                _("There is no event %(event_id)s; see `events list`")
                % {"event_id": options["event_id"]}
            )
        shown = {
            "event_id": event.pk,
            "topic": event.topic,
            "version": event.version,
            "idempotency_key": event.idempotency_key,
            "trace_id": event.trace_id,
            "occurred_at": event.occurred_at.isoformat(),
            "payload": event.payload,
            "deliveries": [_details(d) for d in event.deliveries.order_by("pk")],
        }
        indent = None if options["json"] else 2
        self.stdout.write(json.dumps(shown, ensure_ascii=False, indent=indent))

    def _replay(self, options: dict[str, Any]) -> None:
        chosen = self._chosen(options)
        count = chosen.count()
        if not options["dry_run"]:
            count = dead_letters.replay(chosen, now=timezone.now())
        told = (
            _("Would replay %(count)s tasks.")
            if options["dry_run"]
            else _("Replayed %(count)s tasks.")
        )
        self._say(options, told % {"count": count}, replayed=count)

    def _chosen(self, options: dict[str, Any]) -> QuerySet[Delivery]:
        narrowed = any(options[name] for name in ("delivery_id", "topic", "subscriber", "error"))
        if narrowed == options["all"]:
            raise CommandError(_("Name tasks, a filter (--topic, --subscriber, --error) or --all"))
        states = [DeliveryState.DEAD, *([DeliveryState.DONE] if options["done"] else [])]
        chosen = _filtered(Delivery.objects.filter(state__in=states), options)
        if options["delivery_id"]:
            chosen = chosen.filter(pk__in=options["delivery_id"])
        return chosen

    def _publish(self, options: dict[str, Any]) -> None:
        try:
            done = publish_text(options["topic"], _read(options["file"]))
        except EventRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        if done.unknown_fields:
            names = ", ".join(done.unknown_fields)
            self.stderr.write(
                _("The schema has no such fields, they are left out: %(names)s") % {"names": names}
            )
        report = {
            "event_id": done.event.pk,
            "published": done.is_new,
            "trace_id": done.event.trace_id,
            "subscribers": list(done.subscribers),
        }
        self.stdout.write(json.dumps(report) if options["json"] else _published(done))
        if not done.is_new:
            sys.exit(1)

    def _prune(self, options: dict[str, Any]) -> None:
        before = timezone.now() - timedelta(days=options["older_than_days"])
        if options["dry_run"]:
            count = pruning.prunable(before=before).count()
        else:
            self._record_pruning(before)
            count = pruning.prune(before=before)
        told = (
            _("Would prune %(count)s events.")
            if options["dry_run"]
            else _("Pruned %(count)s events.")
        )
        self._say(options, told % {"count": count}, pruned=count)

    @staticmethod
    def _record_pruning(before: datetime) -> None:
        """Before anything is gone: it goes in many transactions."""
        after = {"events": pruning.prunable(before=before).count(), "before": before.isoformat()}
        acted.send(
            OutboxEvent, event="events.pruned", tenant_id="", target=None, before=None, after=after
        )

    def _say(self, options: dict[str, Any], text: str, **figures: int) -> None:
        report = {"dry_run": options["dry_run"], **figures}
        self.stdout.write(json.dumps(report) if options["json"] else text)

    def _print(self, rows: list[dict[str, Any]], options: dict[str, Any], *, empty: str) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(rows, ensure_ascii=False))
        elif not rows:
            self.stdout.write(empty)
        else:
            head = [str(HEADS[name]) for name in rows[0]]
            lines = table(head, [list(row.values()) for row in rows])
            self.stdout.write("\n".join(lines))


def _add_filters(parser: CommandParser) -> None:
    parser.add_argument("--topic")
    parser.add_argument("--subscriber")
    parser.add_argument("--error", metavar="CODE", help="error code")


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            _("%(name)s cannot be read: %(why)s") % {"name": name, "why": error}
        ) from error


def _published(done: PublishedByHand) -> str:
    if not done.is_new:
        return _(
            "Not published: event %(event_id)s has the same idempotency_key. Change the key, or run"
            " its tasks again: events replay (tasks: events show %(event_id)s)."
        ) % {"event_id": done.event.pk}
    to = ", ".join(done.subscribers) or _("nobody: no room of this process subscribes to it")
    return _("Published event %(event_id)s, trace %(trace_id)s, to %(to)s.") % {
        "event_id": done.event.pk, "trace_id": done.event.trace_id, "to": to,
    }  # fmt: skip


def _filtered(deliveries: QuerySet[Delivery], options: dict[str, Any]) -> QuerySet[Delivery]:
    lookups = {"topic": "event__topic", "subscriber": "subscriber", "error": "error_code"}
    given = {field: options[name] for name, field in lookups.items() if options[name]}
    return deliveries.filter(**given)


def _summary(delivery: Delivery) -> dict[str, Any]:
    return {
        "delivery_id": delivery.pk,
        "event_id": delivery.event_id,
        "topic": delivery.event.topic,
        "subscriber": delivery.subscriber,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "due_at": delivery.due_at.isoformat(timespec="seconds"),
        "error": delivery.error_code,
        "trace_id": delivery.event.trace_id,
    }


def _details(delivery: Delivery) -> dict[str, Any]:
    return {
        "delivery_id": delivery.pk,
        "subscriber": delivery.subscriber,
        "queue": delivery.queue,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "due_at": delivery.due_at.isoformat(),
        "outcome": delivery.outcome,
        "error_code": delivery.error_code,
        "error_details": delivery.error_details,
        "error_trace": delivery.error_trace,
    }
