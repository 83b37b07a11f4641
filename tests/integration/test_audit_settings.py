"""Settings of the installation: what differs from the last start is one entry."""

import json
import os

import pytest
from django.conf import settings as in_force

from accounts.audit.configuration import Configuration, note
from accounts.models import AuditEntry, KnownSettings
from telegram_assistant import settings_audit
from tests.concurrency import in_threads

pytestmark = pytest.mark.django_db

DEFAULTS = {"A": "1", "B": "x"}


def start(role: str = "web", *, secret: str = "", **values: str) -> AuditEntry | None:
    """Start with these variables; returns the entry that came of it."""
    last = AuditEntry.objects.count()
    found = Configuration(DEFAULTS | values, {"TOKEN": secret}, DEFAULTS | {"C": "new"})
    noted = note(role, found)
    assert AuditEntry.objects.count() - last == noted
    return AuditEntry.objects.order_by("-pk").first() if noted else None


def test_the_first_start_tells_what_differs_from_the_defaults() -> None:
    entry = start(A="2", secret="hush")

    assert entry is not None
    assert entry.event == "settings.changed"
    assert (entry.before, entry.after) == (None, {"A": "2", "TOKEN": "set"})
    assert entry.object_name == "web"


def test_the_same_settings_are_no_entry() -> None:
    start(A="2")

    assert start(A="2") is None
    assert start(A="2") is None


def test_what_changed_is_told_with_before_and_after_and_once() -> None:
    start()

    entry = start(B="y")

    assert entry is not None
    assert (entry.before, entry.after) == ({"B": "x"}, {"B": "y"})
    assert start(B="y") is None


def test_of_a_secret_it_is_told_only_that_it_changed_and_no_text_of_it_is_kept() -> None:
    start(secret="the first secret")

    entry = start(secret="the second secret")

    assert entry is not None
    assert (entry.before, entry.after) == (None, {"TOKEN": "changed"})
    kept = json.dumps(list(KnownSettings.objects.values("values")))
    assert "secret" not in kept


def test_a_new_key_of_the_hashes_makes_no_other_secret_look_changed(settings) -> None:
    start(secret="the same")

    settings.SECRET_KEY = "another key, as long as it has to be, and longer than that"

    assert start(secret="the same") is None
    assert start(secret="another") is not None


def test_the_web_server_and_the_workers_are_compared_with_themselves() -> None:
    start("web", A="2")
    start("workers", A="3")

    assert start("web", A="2") is None
    assert start("workers", A="3") is None


def test_a_variable_of_a_new_release_is_no_change_while_it_has_its_default() -> None:
    start()

    assert start(C="new") is None
    entry = start(C="other")
    assert entry is not None
    assert entry.after == {"C": "other"}


def test_all_variables_are_watched_and_no_secret_is_among_the_values() -> None:
    found = settings_audit.in_force(in_force.ENV)

    assert {"AUDIT_KEPT_DAYS", "TIME_ZONE", "S3_TOTAL_LIMIT_GB"} <= set(found.values)
    for secret in ("DJANGO_SECRET_KEY", "DATABASE_URL", "S3_SECRET_ACCESS_KEY", "S3_ACCESS_KEY_ID",
                   "METRICS_TOKEN", "GIGACHAT_CREDENTIALS"):  # fmt: skip
        assert secret in found.secrets
        assert secret not in found.values
    assert set(found.values) == set(found.defaults)


def test_a_start_with_nothing_configured_differs_from_no_default() -> None:
    found = settings_audit.in_force(in_force.ENV)
    given = {name for name in found.values if name in os.environ or name == "VAR_DIR"}

    differs = {name for name, value in found.values.items() if value != found.defaults[name]}

    assert differs <= given


@pytest.mark.django_db(transaction=True)
def test_of_many_processes_that_start_at_once_one_tells() -> None:
    start(A="1")

    in_threads(*[lambda: note("web", Configuration({"A": "7", "B": "x"}))] * 8)

    assert AuditEntry.objects.filter(after__A="7").count() == 1
