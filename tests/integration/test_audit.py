"""The record of who did what: what an entry holds, and that nobody can change it."""

import getpass
import io
import os
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from accounts import audit, tasks
from accounts.audit import actors
from accounts.audit.middleware import AuditMiddleware
from accounts.models import ActorKind, AuditEntry, Tenant
from events.console import page_of
from events.delivery import dead_letters
from events.logs import trace
from events.models import Delivery, DeliveryState
from manage import CommandLine
from tests import factories as make

NO_MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_which_object_from_where(archive) -> None:
    user = get_user_model().objects.create_user("alice")

    with audit.acting(audit.of_user(user, "192.0.2.7")):
        audit.record(
            "role.changed", target=archive.tenant, before={"role": "a"}, after={"role": "b"}
        )

    entry = AuditEntry.objects.get(event="role.changed")
    assert (entry.actor_id, entry.actor_name, entry.address) == (user.pk, "alice", "192.0.2.7")
    assert (entry.object_kind, entry.object_key) == ("accounts.tenant", str(archive.tenant.pk))
    assert (entry.tenant, entry.tenant_name) == (archive.tenant, archive.tenant.name)
    assert (entry.before, entry.after) == ({"role": "a"}, {"role": "b"})


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(audit.EventUnknown):
        audit.record("tokn.issued")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET actor_name = 'bob'",
        "DELETE FROM accounts_auditentry",
        "SET LOCAL audit.prune_before = '2999-01-01'; DELETE FROM accounts_auditentry",
        "TRUNCATE accounts_auditentry",
        "TRUNCATE accounts_auditentry, accounts_tenant CASCADE",
    ],
)
def test_no_statement_changes_what_is_recorded(statement: str) -> None:
    audit.record("token.issued")

    with pytest.raises(DatabaseError, match="refused"), transaction.atomic():
        connection.cursor().execute(statement)

    assert AuditEntry.objects.filter(event="token.issued").count() == 1


def test_an_entry_outlives_its_actor_its_object_and_its_tenant() -> None:
    user = get_user_model().objects.create_user("alice")
    tenant = Tenant.objects.create(name="short-lived")
    audit.record("role.changed", target=tenant, user=user)

    tenant.delete()
    user.delete()

    entry = AuditEntry.objects.select_related("actor", "tenant").get(event="role.changed")
    assert (entry.actor_name, entry.tenant_name) == ("alice", "short-lived")
    assert (entry.actor, entry.tenant) == (None, None)


def test_an_entry_of_a_request_carries_its_trace_id() -> None:
    with trace.use("req_7"):
        audit.record("token.issued")

    assert AuditEntry.objects.get().trace_id == "req_7"


class TestWhoActs:
    def test_the_installation_itself_unless_somebody_is_known(self) -> None:
        audit.record("token.issued")

        assert AuditEntry.objects.get().actor_kind == ActorKind.SYSTEM

    def test_whoever_is_named_before_whoever_is_known(self) -> None:
        alice = get_user_model().objects.create_user("alice")

        with audit.acting(audit.of_user(AnonymousUser(), "192.0.2.7")):
            audit.record("sign_in.failed")
            audit.record("sign_in.succeeded", user=alice)

        failed, succeeded = AuditEntry.objects.filter(event__startswith="sign_in").order_by("pk")
        assert (failed.actor_kind, failed.actor_name) == (ActorKind.NOBODY, "")
        assert (succeeded.actor_kind, succeeded.actor_name) == (ActorKind.USER, "alice")
        assert failed.address == succeeded.address == "192.0.2.7"

    def test_a_command_by_the_account_of_the_operating_system_and_the_user_of_as(self) -> None:
        alice = get_user_model().objects.create_user("alice")

        with audit.acting(audit.of_command("events", alice)):
            audit.record("tasks.replayed")

        entry = AuditEntry.objects.get(event="tasks.replayed")
        assert entry.actor_kind == ActorKind.COMMAND
        assert entry.actor_id == alice.pk
        assert entry.actor_name == f"alice ({getpass.getuser()}: events)"

    def test_an_account_without_a_name_is_told_by_its_number(self, monkeypatch) -> None:
        monkeypatch.setattr(getpass, "getuser", lambda: (_ for _ in ()).throw(KeyError("uid")))

        assert audit.of_command("events").name == f"uid {os.getuid()}: events"

    def test_whatever_manage_py_runs_is_done_by_a_command(self, monkeypatch) -> None:
        monkeypatch.setattr(actors, "_of_process", actors.SYSTEM)

        CommandLine(["manage.py", "audit"]).fetch_command("audit")

        assert audit.current() == audit.of_command("audit")

    @pytest.mark.parametrize("command", ["qcluster", "worker", "task_cluster", "runserver"])
    def test_what_only_starts_a_server_is_no_command_of_a_person(
        self, command, monkeypatch
    ) -> None:
        monkeypatch.setattr(actors, "_of_process", actors.SYSTEM)

        actors.process_runs(command)

        assert audit.current().kind == ActorKind.SYSTEM

    def test_a_request_by_its_user_and_address_also_of_a_token_that_its_view_finds(self) -> None:
        alice = get_user_model().objects.create_user("alice")
        request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.9")
        request.user = AnonymousUser()

        def view(request: HttpRequest) -> HttpResponse:
            audit.record("token.refused")
            request.user, request.auth = alice, SimpleNamespace(token_key="ta_1234")
            audit.record("token.issued")
            return HttpResponse()

        AuditMiddleware(view)(request)

        before, after = AuditEntry.objects.filter(event__startswith="token").order_by("pk")
        assert before.actor_kind == ActorKind.NOBODY
        assert (after.actor_kind, after.actor_name) == (ActorKind.TOKEN, "alice (ta_1234…)")
        assert after.address == "192.0.2.9"
        assert audit.current().kind == ActorKind.SYSTEM


class TestAnEntryThatCannotBeWritten:
    @staticmethod
    def refuse() -> None:
        connection.cursor().execute(
            "ALTER TABLE accounts_auditentry ADD CONSTRAINT full_disk CHECK (false) NOT VALID"
        )

    def test_undoes_what_it_tells_of(self) -> None:
        delivery = make.dead_letter()
        self.refuse()

        with pytest.raises(DatabaseError):
            dead_letters.replay(Delivery.objects.all(), now=timezone.now())

        delivery.refresh_from_db()
        assert delivery.state == DeliveryState.DEAD

    def test_keeps_what_is_no_transaction_from_beginning(self) -> None:
        self.refuse()
        begun = False

        with pytest.raises(DatabaseError), transaction.atomic(), audit.recorded("cleanup"):
            begun = True

        assert not begun

    def test_leaves_a_refusal_a_refusal_and_says_so_in_the_log(self, caplog) -> None:
        self.refuse()

        assert audit.record("sign_in.failed", after={"account": "alice"}) is None

        assert "audit_entry_lost" in caplog.text
        assert Tenant.objects.count() >= 0  # the transaction goes on

    @pytest.mark.filterwarnings("ignore:No directory at")
    def test_keeps_a_page_from_changing_a_row(self, client) -> None:
        client.force_login(get_user_model().objects.create_superuser("admin"))
        tenant = make.tenant("before")
        self.refuse()

        with pytest.raises(DatabaseError):
            client.post(
                page_of(Tenant, tenant.pk), {"name": "after", "settings": "{}", **NO_MEMBERS}
            )

        tenant.refresh_from_db()
        assert tenant.name == "before"


def test_the_library_cannot_flush_the_table() -> None:
    audit.record("token.issued")

    with pytest.raises(DatabaseError, match="refused"), transaction.atomic():
        call_command("auditlogflush", "--yes", stdout=io.StringIO())

    assert AuditEntry.objects.exists()


class TestPruning:
    def test_it_deletes_what_is_older_and_records_that(self) -> None:
        old = AuditEntry.objects.create(event="token.issued", at=_ago(400), actor_kind="system")
        young = AuditEntry.objects.create(event="token.issued", at=_ago(300), actor_kind="system")

        assert tasks.prune_audit() == "1 audit entries deleted"

        assert not AuditEntry.objects.filter(pk=old.pk).exists()
        assert AuditEntry.objects.filter(pk=young.pk).exists()
        pruned = AuditEntry.objects.get(event="audit.pruned")
        assert pruned.after["entries"] == 1

    def test_nothing_old_is_no_entry(self) -> None:
        tasks.prune_audit()

        assert not AuditEntry.objects.exists()

    def test_the_table_keeps_a_month_whatever_the_setting_says(self, settings) -> None:
        settings.AUDIT_KEPT = timedelta(days=1)
        AuditEntry.objects.create(event="token.issued", at=_ago(29), actor_kind="system")

        with pytest.raises(DatabaseError, match="refused"), transaction.atomic():
            tasks.prune_audit()

        assert AuditEntry.objects.filter(event="token.issued").exists()

    def test_its_leave_ends_with_it(self) -> None:
        AuditEntry.objects.create(event="token.issued", at=_ago(400), actor_kind="system")
        AuditEntry.objects.create(event="token.issued", at=_ago(300), actor_kind="system")
        tasks.prune_audit()

        with pytest.raises(DatabaseError, match="refused"), transaction.atomic():
            AuditEntry.objects.filter(event="token.issued").delete()


def _ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)
