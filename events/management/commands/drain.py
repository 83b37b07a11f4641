import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from tqdm import tqdm

from events import subscriptions
from events.delivery import recovery, worker
from events.delivery.run import Tally
from events.management.numbers import amount
from events.sentences import retold
from events.subscriptions import Subscription
from events.workers import clock

MAX_WAIT = (subscriptions.LEASE + timedelta(minutes=1)).total_seconds()
"""Longer than a lease: what a worker that hangs has in hand is due again by then."""


class Command(BaseCommand):
    help = (
        "Do the tasks that are due, in the foreground. Workers do the same; both may run at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", help="only this queue (default: all)")
        parser.add_argument(
            "--until-idle",
            action="store_true",
            help="also wait for tasks that are leased or backing off, until none is left",
        )
        parser.add_argument(
            "--max-wait",
            type=amount,
            default=MAX_WAIT,
            metavar="SECONDS",
            help=f"with --until-idle: give up after so long without progress (default: {MAX_WAIT:g})",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        queues = self._queues(options["queue"])
        tallies = drain_with_progress(
            queues, max_wait=options["max_wait"] if options["until_idle"] else 0
        )
        self._report(tallies, as_json=options["json"])
        gave_up = options["until_idle"] and _open(queues)
        if gave_up or any(tally.dead for tally in tallies.values()):
            sys.exit(1)

    def _queues(self, name: str | None) -> list[str]:
        known = subscriptions.queues()
        if name and name not in known:
            raise CommandError(
                _("There is no queue %(name)r; there are: %(known)s")
                % {"name": name, "known": ", ".join(known)}
            )
        return [name] if name else known

    def _report(self, tallies: dict[str, Tally], *, as_json: bool) -> None:
        figures = {
            name: {
                "done": t.done,
                "failed": t.failed,
                "postponed": t.postponed,
                "dead": t.dead,
                "seconds": round(t.seconds, 3),
            }
            for name, t in sorted(tallies.items())
        }
        if as_json:
            self.stdout.write(json.dumps(figures))
            return
        for name, row in figures.items():
            self.stdout.write(f"{name}: {_in_words(row)}")
        if not figures:
            self.stdout.write(_("Nothing was due."))


def _in_words(row: Mapping[str, float]) -> str:
    return (
        _(
            "%(done)s done, %(failed)s failed, %(postponed)s postponed, %(dead)s dead,"
            " %(seconds)s seconds"
        )
        % row
    )


def drain_with_progress(queues: list[str], *, max_wait: float = 0) -> dict[str, Tally]:
    """Drain `queues` with a progress bar on stderr; returns a tally per subscriber."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    with tqdm(desc=_("tasks"), unit="", total=_open(queues), file=sys.stderr, disable=None) as bar:

        def observe(subscription: Subscription, tally: Tally) -> None:
            tallies[subscription.name].add(tally)
            bar.total = max(bar.total or 0, bar.n + tally.done + tally.dead)
            bar.set_postfix_str(subscription.name, refresh=False)
            bar.update(tally.done + tally.dead)

        _drain_until(queues, observe=observe, bar=bar, max_wait=max_wait)
    return dict(tallies)


def _drain_until(queues: list[str], *, observe: Any, bar: Any, max_wait: float) -> None:
    """Drain all queues again until none has anything due: handlers publish into other queues."""
    last_progress = recovered_at = time.monotonic()
    shown = ""
    while True:
        _require_clock()
        if max_wait and time.monotonic() - recovered_at >= recovery.EVERY:
            recovery.run_all()
            recovered_at = time.monotonic()
        settled = sum(
            worker.drain(name, proceed=clock.agrees, observe=observe).settled for name in queues
        )
        waiting = _open(queues)
        bar.total = bar.n + waiting
        if settled:
            last_progress = time.monotonic()
        elif not waiting or time.monotonic() - last_progress >= max_wait:
            return
        else:
            shown = _show_reason(queues, bar=bar, shown=shown)
            time.sleep(_until_next(queues))


def _require_clock() -> None:
    """Refuse to take work with a clock by which leases of others would seem to be over."""
    if not clock.agrees_now():
        wrong = retold(clock.in_words(clock.ahead()), _)
        raise CommandError(
            _("The clock of this host is %(wrong)s: %(remedy)s.")
            % {"wrong": wrong, "remedy": _(clock.REMEDY)}
        )


def _show_reason(queues: list[str], *, bar: Any, shown: str) -> str:
    """Print why the next delivery waits, unless that was printed last; returns what was printed."""
    postponed = worker.waiting().filter(queue__in=queues).exclude(outcome="")
    first = postponed.order_by("due_at").values_list("subscriber", "outcome").first()
    reason = ""
    if first:
        waits = {"subscriber": first[0], "outcome": retold(first[1], _)}
        reason = _("%(subscriber)s waits: %(outcome)s") % waits
    if reason and reason != shown:
        bar.write(reason, file=sys.stderr)
    return reason or shown


def _open(queues: list[str]) -> int:
    return worker.waiting().filter(queue__in=queues).count()


def _until_next(queues: list[str]) -> float:
    """Return seconds until something is due; at most one, since others may publish meanwhile."""
    waiting = worker.waiting().filter(queue__in=queues)
    first = waiting.order_by("due_at").values_list("due_at", flat=True).first()
    if first is None:
        return 0.0
    return min(max((first - timezone.now()).total_seconds(), 0.01), 1.0)
