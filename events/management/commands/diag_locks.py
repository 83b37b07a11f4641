import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from events.inspection import locks
from events.inspection.locks import LockReport, Session, Waiting
from events.management.tables import table


class Command(BaseCommand):
    help = "Show who waits for whom in PostgreSQL, for how long, in which statement."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--advisory", action="store_true", help="also list the advisory locks that are held"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = locks.report()
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"PostgreSQL does not answer: {str(error).strip()}") from error
        if options["json"]:
            self.stdout.write(json.dumps(found.as_dict(), ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(found, advisory=options["advisory"])))


def _lines(found: LockReport, *, advisory: bool) -> Iterator[str]:
    yield f"{len(found.waiting)} sessions wait." if found.waiting else "Nobody waits."
    for one in found.waiting:
        yield ""
        yield from _waiting(one)
    if advisory:
        yield ""
        rows = [(lock.name, ", ".join(map(str, lock.pids))) for lock in found.advisory]
        yield from table(("Advisory lock", "Held by pid"), rows)


def _waiting(one: Waiting) -> Iterator[str]:
    yield f"pid {one.pid} ({_origin(one)}) has waited {one.seconds:.1f} s for {one.lock}"
    yield f"  in:     {one.statement}"
    for session in one.behind:
        yield f"  behind: pid {session.pid} ({_origin(session)}), {_doing(session)}"
        yield f"          {session.statement}"


def _origin(one: Waiting | Session) -> str:
    return f"{one.application or 'unnamed'}, {one.host}"


def _doing(session: Session) -> str:
    """What it does, and since when: who sits idle in a transaction blocks for nothing."""
    since = f" for {session.state_seconds:.1f} s" if session.state_seconds is not None else ""
    age = session.transaction_seconds
    transaction = f", transaction of {age:.1f} s" if age is not None else ""
    return f"{session.state}{since}{transaction}"
