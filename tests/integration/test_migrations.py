"""The tables: made from nothing, complete, and never on top of an earlier state."""

import io
import threading
import time
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from events.inspection import postgresql
from events.inspection.tables import REMEDY
from events.postgresql.advisory_locks import held
from telegram_assistant.management.commands import migrate
from tests.concurrency import in_threads

pytestmark = pytest.mark.django_db


def test_no_model_was_changed_without_a_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_a_database_of_an_earlier_state_is_refused_with_what_to_do():
    MigrationRecorder(connection).migration_qs.filter(app="accounts").delete()

    with pytest.raises(CommandError, match=r"before the first release.*import your exports again"):
        call_command("migrate", verbosity=0)


FOLDED = import_module("media.migrations.0001_tables").Migration.replaces


@pytest.mark.parametrize("lost", FOLDED, ids="-".join)
def test_a_database_between_the_migrations_that_were_folded_is_refused_with_what_to_do(lost):
    _record_earlier(one for one in FOLDED if one != lost)

    with pytest.raises(CommandError, match=r"before the first release.*import your exports again"):
        call_command("migrate", verbosity=0)


def test_a_database_with_all_the_migrations_that_were_folded_goes_on(capsys):
    _record_earlier(FOLDED)

    call_command("migrate", verbosity=0)

    assert capsys.readouterr().out == ""
    assert MigrationRecorder(connection).migration_qs.filter(app="media", name="0001_tables")


def _record_earlier(names):
    recorder = MigrationRecorder(connection)
    of_it = [("media", "0001_tables"), *FOLDED]
    recorder.migration_qs.filter(app="media", name__in=[name for _, name in of_it]).delete()
    for app, name in names:
        recorder.record_applied(app, name)


def test_a_database_of_this_state_is_migrated_again_without_a_word(capsys):
    call_command("migrate", verbosity=0)

    assert capsys.readouterr().out == ""


def test_tables_that_lack_a_column_of_this_release_are_refused_with_what_to_do():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_membership DROP COLUMN role CASCADE")

    with pytest.raises(CommandError, match=r"before the first release.*import your exports again"):
        call_command("migrate", verbosity=0)
    [finding] = postgresql.is_migrated()
    assert (finding.status, finding.remedy) == ("failed", REMEDY)
    assert "accounts_membership.role" in finding.detail


def test_part_of_the_migrations_may_be_asked_for_in_any_state(capsys):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_membership DROP COLUMN role CASCADE")

    call_command("migrate", plan=True)

    assert "Planned operations" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_the_second_waits_until_the_first_is_done(monkeypatch):
    """`make demo` and `make serve` on a fresh machine: one of them ended with "already exists"."""
    begun, seen_to_wait, said = threading.Event(), threading.Event(), io.StringIO()

    def first():
        with held(migrate.TURN):
            begun.set()
            assert seen_to_wait.wait(20)

    def second():
        assert begun.wait(20)
        call_command("migrate", verbosity=0, stderr=said)
        assert seen_to_wait.is_set()

    def sleep(seconds):
        seen_to_wait.set()
        time.sleep(seconds / 10)

    monkeypatch.setattr(migrate, "time", SimpleNamespace(sleep=sleep))
    in_threads(first, second)

    assert said.getvalue().count("\n") == 1
