"""What strangers write does not command the terminal of whoever reads it."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError

from events.management.json_command import JsonCommand

HOSTILE = "a title\x1b]0;another one\x07 of\x9b2J\r\ttwo\nlines"
SHOWN = "a title\\u001b]0;another one\\u0007 of\\u009b2J\\u000d\ttwo\nlines"


class Command(JsonCommand):
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(HOSTILE)
        self.stderr.write(HOSTILE, ending="")


def test_control_characters_are_shown_and_lines_stay():
    out, err = StringIO(), StringIO()

    Command(stdout=out, stderr=err).run_from_argv(["manage.py", "it"])

    assert (out.getvalue(), err.getvalue()) == (SHOWN + "\n", SHOWN)


def test_those_of_a_refusal_as_well():
    class Refusing(Command):
        def handle(self, *args: Any, **options: Any) -> None:
            raise CommandError("no \x1b[2J")

    err = StringIO()
    with pytest.raises(SystemExit):
        Refusing(stderr=err).run_from_argv(["manage.py", "it"])

    assert err.getvalue() == "CommandError: no \\u001b[2J\n"


def test_json_stays_json():
    class Telling(Command):
        def handle(self, *args: Any, **options: Any) -> None:
            self.stdout.write(json.dumps({"text": HOSTILE + "\\\x7f"}, ensure_ascii=False))

    out = StringIO()
    Telling(stdout=out).run_from_argv(["manage.py", "it"])

    assert json.loads(out.getvalue()) == {"text": HOSTILE + "\\\x7f"}
