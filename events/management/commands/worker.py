from argparse import SUPPRESS
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events import subscriptions
from events.management.json_command import CHECKED
from events.supervision.forks import end_at_once
from events.supervision.worker_process import WorkerProcess


class Command(BaseCommand):
    help = (
        "Do the tasks that become due, until SIGTERM or Ctrl-C. `qcluster` starts such processes."
    )
    requires_system_checks = CHECKED

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--queue", action="append", help="only this queue; may be repeated (default: all)"
        )
        parser.add_argument("--supervisor", type=int, metavar="PID", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        known = subscriptions.queues()
        queues = options["queue"] or known
        if unknown := sorted(set(queues) - set(known)):
            raise CommandError(
                f"There is no queue {', '.join(unknown)}; there are: {', '.join(known)}"
            )
        end_at_once(WorkerProcess(queues, supervisor_pid=options["supervisor"]).run())
