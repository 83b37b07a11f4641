import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError, connection
from django.utils.translation import gettext

from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from events import health
from events.health import Check, Finding, Result, Scope, Status
from events.sentences import Sentence, gettext_noop, retold
from telegram_assistant.health.network import PREFIX

MARKS: Final = {
    Status.OK: "ok      ",
    Status.SKIPPED: "-       ",
    Status.WARNING: "WARNING ",
    Status.FAILED: "FAILED  ",
}
CODES: Final = "exit codes: 0 nothing has failed; 1 something has; 2 a wrong option"
_NO_CHECK: Final = Sentence(gettext_noop("There is no check %(unknown)s; there are: %(known)s"))


class Command(ActingCommand):
    needs = Action.VIEW
    help = (
        "Check that everything is configured, reachable and permitted, and say what to do where it"
        f" is not. Costs nothing, unless --pay; {CODES}."
    )
    requires_system_checks = ()  # run as one of the checks: a broken setting must not end this

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--pay", action="store_true", help="also have one picture analyzed: costs tokens"
        )
        parser.add_argument(
            "--only", action="append", metavar="CHECK", help="only this check; may be repeated"
        )
        parser.add_argument(
            "--network", action="store_true",
            help="only the network: is each configured address reached, its certificate verified,"
            " its clock the same",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        scope = Scope.PAID if options["pay"] else Scope.DOCTOR
        started = time.monotonic()
        known = health.registered(scope)
        names = [*(options["only"] or ()), *(_of_network(known) if options["network"] else ())]
        chosen = _chosen(known, names)
        _let_postgresql_start()
        results = health.causes_only(health.run(chosen))
        status = health.worst(one.status for one in results)
        if options["json"]:
            self.stdout.write(json.dumps(_report(results, status), ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(results, seconds=time.monotonic() - started)))
        if status is Status.FAILED:
            sys.exit(1)


def _let_postgresql_start() -> None:
    """
    Connect before the checks, if there is an embedded server: the first connection starts it.

    On a busy machine that takes longer than a check may. Where it fails, the checks say why.
    """
    if "EMBEDDED_DIR" in connection.settings_dict:
        with suppress(OperationalError, ImproperlyConfigured):
            connection.ensure_connection()


def _of_network(checks: Sequence[Check]) -> list[str]:
    return [check.name for check in checks if check.name.startswith(PREFIX)]


def _chosen(checks: Sequence[Check], names: Sequence[str] | None) -> list[Check]:
    known = {check.name: check for check in checks}
    if unknown := sorted(set(names or ()) - set(known)):
        raise CommandError(
            _NO_CHECK % {"unknown": ", ".join(unknown), "known": ", ".join(sorted(known))},
            returncode=2,
        )
    return [known[name] for name in names] if names else list(checks)


def _report(results: Sequence[Result], status: Status) -> dict[str, Any]:
    return {
        "status": status.value,
        "checks": {
            one.check.name: {
                "status": one.status.value,
                "seconds": round(one.seconds, 3),
                "findings": [_as_dict(found) for found in one.findings],
            }
            for one in results
        },
    }


def _as_dict(found: Finding) -> dict[str, Any]:
    facts = {"facts": dict(found.facts)} if found.facts else {}
    return {
        "step": found.step,
        "status": found.status.value,
        "detail": found.detail,
        "remedy": found.remedy if _is_bad(found) else "",
        **facts,
    }


def _lines(results: Sequence[Result], *, seconds: float) -> Iterator[str]:
    """A line for each finding, and the remedy below each that needs one, for whoever reads them."""
    named = [(_name(one, found), found) for one in results for found in one.findings]
    width = max((len(name) for name, _ in named), default=0)
    for name, found in named:
        yield f"{MARKS[found.status]} {name:<{width}}  {retold(found.detail, gettext)}"
        if _is_bad(found) and found.remedy:
            yield f"{'':<8} {'':<{width}}  → {retold(found.remedy, gettext)}"
    failures = [name for name, found in named if found.status is Status.FAILED]
    yield ""
    failed = gettext("Failed: %(names)s.") % {"names": ", ".join(failures)}
    verdict = failed if failures else gettext("Nothing has failed.")
    spent = gettext("%(steps)s steps in %(seconds)s s.")
    yield f"{verdict} {spent % {'steps': len(named), 'seconds': f'{seconds:.1f}'}}"


def _name(one: Result, found: Finding) -> str:
    return f"{one.check.name}: {found.step}" if found.step else one.check.name


def _is_bad(found: Finding) -> bool:
    return found.status in {Status.WARNING, Status.FAILED}
