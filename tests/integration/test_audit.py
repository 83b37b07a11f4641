"""The record of who did what: what an entry holds, and that nobody can change it."""

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.models import AuditEntry, Tenant

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
