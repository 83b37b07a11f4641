"""With --json a command says one JSON value on stdout, also where Django or argparse refuses it."""

import io
import json
import sys
from typing import Any

import pytest
from django.core.management.base import CommandError

import manage


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
