"""With --json a command says one JSON value on stdout, also where Django or argparse refuses it."""

import io
import json
import sys
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import ProgrammingError
from psycopg.errors import UndefinedColumn, UndefinedTable

import manage
from events.health import failed, ok
from events.inspection import postgresql
from media.management.commands import import_export
from storage_quota.management.commands import verify_storage


def refused(monkeypatch: pytest.MonkeyPatch, fail: Any, *words: str) -> tuple[object, str]:
    out = io.StringIO()
    monkeypatch.setattr(sys, "argv", ["manage.py", "audit", *words])
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(manage.CommandLine, "execute", lambda _: fail())
    with pytest.raises(SystemExit) as end:
        manage.main()
    return end.value.code, out.getvalue()


def _no_event() -> None:
    raise CommandError("There is no event 'x'")


def as_django_does() -> None:
    try:
        _no_event()
    except CommandError:
        sys.exit(1)


def as_argparse_does() -> None:
    sys.exit(2)


def with_a_report_of_its_own() -> None:
    sys.stdout.write('{"state": "failed"}\n')
    sys.exit(1)


def test_a_refusal_is_json_too(monkeypatch):
    code, out = refused(monkeypatch, as_django_does, "--json")

    assert code == 1
    assert json.loads(out) == {
        "state": "failed",
        "error": "refused",
        "detail": "There is no event 'x'",
    }


def test_so_are_wrong_arguments(monkeypatch):
    code, out = refused(monkeypatch, as_argparse_does, "--json")

    assert code == 2
    assert json.loads(out)["error"] == "refused"


def test_a_command_that_said_it_itself_is_not_interrupted(monkeypatch):
    assert refused(monkeypatch, with_a_report_of_its_own, "--json") == (1, '{"state": "failed"}\n')


def test_without_json_nothing_is_added(monkeypatch):
    assert refused(monkeypatch, as_django_does) == (1, "")


def _lacking(cause: Exception) -> Any:
    raise ProgrammingError("column posts.other_words does not exist") from cause


@pytest.mark.parametrize("cause", [UndefinedTable(), UndefinedColumn()])
def test_tables_of_another_release_are_said_to_be_old(monkeypatch, cause):
    monkeypatch.setattr(postgresql, "is_migrated", lambda: [failed("old", "migrate")])

    code, out = refused(monkeypatch, lambda: _lacking(cause), "--json")

    assert "`python manage.py migrate`" in str(code)
    assert "run `python manage.py migrate`" in json.loads(out)["detail"]


@pytest.mark.parametrize(
    ("command", "work"), [(verify_storage, "work"), (import_export, "_import")]
)
def test_whoever_tells_failures_of_the_database_says_so_too(monkeypatch, command, work):
    """They showed a piece of SQL."""
    monkeypatch.setattr(command.Command, work, lambda *_, **__: _lacking(UndefinedTable()))

    with pytest.raises(CommandError, match=r"`python manage\.py migrate`") as refusal:
        command.Command(stdout=io.StringIO()).handle(json=True, dry_run=False)

    assert (refusal.value.returncode, "column" in str(refusal.value)) == (2, False)


def test_a_column_that_no_migration_would_bring_is_a_bug_of_the_program(monkeypatch):
    monkeypatch.setattr(postgresql, "is_migrated", lambda: [ok("up to date")])

    with pytest.raises(ProgrammingError):
        refused(monkeypatch, lambda: _lacking(UndefinedColumn()))
