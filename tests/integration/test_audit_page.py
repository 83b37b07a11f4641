"""The console's page of the audit, and the command that reads it."""

import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEntry, Membership, Tenant
from events.console import list_of, page_of
from events.logs import trace
from tests import factories as make

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    client.cookies["django_language"] = "en"
    return client


def html(client: Client, address: str, **query) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200, answer.headers
    return answer.content.decode()


def _entry(event="budget.reset", *, by="alice", address="192.0.2.7", **fields) -> AuditEntry:
    user = get_user_model().objects.get_or_create(username=by)[0]
    with audit.acting(audit.of_user(user, address)):
        entry = audit.record(event, **fields)
    assert entry is not None
    return entry


class TestList:
    def test_it_says_when_who_from_where_what_to_what_and_whose(self, root) -> None:
        _entry(target=make.tenant("Acme"))

        shown = html(root, list_of(AuditEntry))

        for words in ("alice", "192.0.2.7", "Usage of tokens reset", "Acme", "Tenant"):
            assert words in shown

    def test_it_says_so_in_russian_as_well(self, root) -> None:
        root.cookies["django_language"] = "ru"
        _entry(target=make.tenant("Acme"))

        assert "Расход токенов сброшен" in html(root, list_of(AuditEntry))

    def test_times_of_an_entry_are_in_the_zone_of_the_reader(self, client) -> None:
        client.force_login(
            get_user_model().objects.create_superuser("reader", time_zone="Asia/Kamchatka")
        )
        until = datetime(2026, 11, 27, 16, 0, 1, 123456, tzinfo=UTC)
        entry = _entry(after={"until": until.isoformat(), "told": "2026-99-99T00:00:00+00:00"})

        shown = html(client, page_of(AuditEntry, entry.pk))

        assert "2026-11-28 04:00:01+12:00" in shown
        assert "2026-11-27T16:00:01" not in shown
        assert "2026-99-99T00:00:00+00:00" in shown

    @pytest.mark.parametrize("number", [1, 20])
    def test_twenty_entries_cost_the_queries_of_one(self, root, number) -> None:
        for n in range(number):
            _entry(target=make.tenant(f"t {n}"), by=f"user {n}", after={"n": n})
        html(root, list_of(AuditEntry))

        with CaptureQueriesContext(connection) as captured:
            html(root, list_of(AuditEntry))

        assert len(captured) <= 12

    def test_filters_by_event_actor_tenant_and_kind_of_object(self, root) -> None:
        acme, other = make.tenant("Acme"), make.tenant("Other")
        wanted = _entry(target=acme, by="alice")
        _entry("provider.resumed", by="bob", tenant=other)

        alice = get_user_model().objects.get(username="alice")
        for query in (
            {"event": "budget.reset"},
            {"actor": str(alice.pk)},
            {"tenant__id__exact": str(acme.pk), "event": "budget.reset"},
            {"kind": "accounts.tenant", "event": "budget.reset"},
        ):
            assert _listed(root, **query) == [wanted.pk]
        assert _listed(root, actor="nobody") == []
        assert _listed(root, actor="9" * 40) == []

    @pytest.mark.costly
    def test_searches_by_object_name_address_and_trace_id(self, root) -> None:
        acme = make.tenant("Acme")
        with trace.use("req_wanted"):
            wanted = _entry(target=acme, address="198.51.100.9")
        _entry("provider.resumed", by="bob")

        for query in (str(acme.pk), "acme", "198.51.100.9", "req_wanted"):
            assert wanted.pk in _listed(root, q=query)
            assert len(_listed(root, q=query, event="provider.resumed")) == 0

    def test_can_be_narrowed_to_a_day(self, root) -> None:
        old = AuditEntry.objects.create(
            event="token.issued", actor_kind="system", at=timezone.now() - timedelta(days=90)
        )
        _entry()

        assert _listed(root, at__year=old.at.year, at__month=old.at.month) == [old.pk]


def _listed(client: Client, **query) -> list[int]:
    shown = html(client, list_of(AuditEntry), **query)
    return [int(pk) for pk in re.findall(r"/auditentry/(\d+)/change/", shown)]


class TestWhoSeesIt:
    @pytest.fixture
    def acme(self) -> Tenant:
        return make.tenant("Acme")

    @pytest.fixture
    def other(self) -> Tenant:
        return make.tenant("Other")

    @staticmethod
    def _browser(name: str, **roles: Tenant) -> Client:
        user = get_user_model().objects.create_user(name)
        for role, tenant in roles.items():
            Membership.objects.create(user=user, tenant=tenant, role=role)
        client = Client()
        client.force_login(user)
        return client

    def test_an_administrator_sees_the_entries_of_the_own_tenant_only(self, acme, other) -> None:
        own, foreign = _entry(tenant=acme), _entry(tenant=other)
        nobodys = _entry("provider.resumed")
        alice = self._browser("the administrator", administrator=acme, viewer=other)

        listed = _listed(alice)

        assert own.pk in listed
        assert not {foreign.pk, nobodys.pk} & set(listed)
        assert alice.get(page_of(AuditEntry, own.pk)).status_code == 200
        for entry in (foreign, nobodys):
            assert alice.get(page_of(AuditEntry, entry.pk)).status_code == 404

    @pytest.mark.parametrize("role", ["viewer", "operator"])
    def test_nobody_else_sees_any(self, acme, role) -> None:
        own = _entry(tenant=acme)
        bob = self._browser("bob", **{role: acme})

        assert bob.get(list_of(AuditEntry), {"q": "hush"}).status_code == 403
        refused = AuditEntry.objects.get(event="access.refused")
        assert refused.actor_name == "bob"
        assert refused.after == {"method": "GET", "path": list_of(AuditEntry)}
        assert bob.get(page_of(AuditEntry, own.pk)).status_code in {403, 404}

    def test_a_name_of_any_length_is_refused_and_recorded(self, acme) -> None:
        name = "Ъ" * 150
        bob = self._browser(name, viewer=acme)

        assert bob.get(list_of(AuditEntry)).status_code == 403
        assert AuditEntry.objects.get(event="access.refused").actor_name == name

    def test_a_stranger_fills_nothing(self, client) -> None:
        client.get(list_of(AuditEntry))
        client.post("/api/v1/storage/cleanup", {}, content_type="application/json")

        assert not AuditEntry.objects.filter(event="access.refused").exists()

    def test_an_administrator_is_offered_no_account_of_another_tenant(self, acme, other) -> None:
        alice = self._browser("alice of acme", administrator=acme)
        self._browser("bob of acme", viewer=acme)
        self._browser("carol of other", viewer=other)
        _entry(tenant=acme, by="bob of acme")

        shown = html(alice, list_of(AuditEntry))

        assert "bob of acme" in shown
        assert "carol of other" not in shown


class TestPage:
    def test_it_shows_before_and_after_side_by_side(self, root) -> None:
        entry = _entry(before={"name": "was"}, after={"name": "is"})

        shown = html(root, page_of(AuditEntry, entry.pk))

        assert re.search(r"<th>name</th><td>was</td><td>is</td>", shown)

    def test_what_people_wrote_is_shown_as_text(self, root) -> None:
        entry = _entry(
            target=make.tenant("<script>x</script>"), after={"<b>": "<script>y</script>"}
        )

        shown = html(root, page_of(AuditEntry, entry.pk))

        assert "<script>x" not in shown
        assert "<script>y" not in shown

    def test_it_leads_to_the_object_as_long_as_there_is_one(self, root) -> None:
        tenant = make.tenant("Acme")
        entry = _entry(target=tenant)
        address = page_of(Tenant, tenant.pk)
        assert address in html(root, page_of(AuditEntry, entry.pk))

        tenant.delete()

        shown = html(root, page_of(AuditEntry, entry.pk))
        assert address not in shown
        assert "Acme" in shown

    @pytest.mark.parametrize(
        ("kind", "key"),
        [("accounts.tenant", "not a uuid"), ("gone.model", "7"), ("", ""), ("x", "")],
    )
    def test_objects_that_this_release_does_not_know_are_shown(self, root, kind, key) -> None:
        entry = AuditEntry.objects.create(
            event="gone.event", actor_kind="system", object_kind=kind, object_key=key
        )

        assert "gone.event" in html(root, page_of(AuditEntry, entry.pk))
        html(root, list_of(AuditEntry))

    def test_nobody_edits_it(self, root) -> None:
        entry = _entry()
        for name, args in (("add", []), ("delete", [entry.pk])):
            address = reverse(f"admin:accounts_auditentry_{name}", args=args)
            assert root.post(address, {"post": "yes"}).status_code == 403
        assert root.post(page_of(AuditEntry, entry.pk), {"event": "x"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
        root.post(list_of(AuditEntry), chosen)

        entry.refresh_from_db()
        assert entry.event == "budget.reset"


class TestCommand:
    def read(self, *arguments: str) -> list[dict]:
        out = io.StringIO()
        call_command("audit", *arguments, "--json", stdout=out)
        return json.loads(out.getvalue())

    def test_it_shows_the_newest_first_with_everything_an_entry_says(self) -> None:
        _entry(target=make.tenant("Acme"), before={"a": 1}, after={"a": 2})

        first = self.read()[0]

        assert first["event"] == "budget.reset"
        assert first["actor"]["name"] == "alice"
        assert (first["before"], first["after"]) == ({"a": 1}, {"a": 2})
        assert first["object"]["name"] == "Acme"

    def test_it_filters(self) -> None:
        _entry(by="alice")
        _entry("provider.resumed", by="bob")
        _entry("token.issued", by="bob", after={})

        def events(*arguments: str) -> list[str]:
            return [
                entry["event"] for entry in self.read(*arguments) if "row" not in entry["event"]
            ]

        assert events("--event", "budget.reset") == ["budget.reset"]
        assert events("--event", "token") == ["token.issued"]
        assert events("--user", "BOB") == ["token.issued", "provider.resumed"]
        assert events("--since", "1d", "--limit", "1") == ["token.issued"]
        assert events("--since", "2999-01-01") == []
        last = self.read("--limit", "1")[0]["entry"]
        assert "token.issued" not in events("--before", str(last))

    def test_for_a_user_it_shows_the_tenants_that_the_user_administers(self) -> None:
        acme, other = make.tenant("Acme"), make.tenant("Other")
        own, _ = _entry(tenant=acme), _entry(tenant=other)
        alice = make.member("administrator", acme)
        Membership.objects.create(user=alice, tenant=other, role="operator")

        shown = self.read("--as", alice.username, "--event", "budget")

        assert [entry["entry"] for entry in shown] == [own.pk]

    @pytest.mark.parametrize("role", ["viewer", "operator"])
    def test_who_administers_nothing_is_refused_and_not_shown_an_empty_audit(self, role) -> None:
        user = make.member(role, make.tenant())

        with pytest.raises(CommandError, match="не администрирует ни одного арендатора"):
            self.read("--as", user.username)

    def test_a_person_reads_a_table(self) -> None:
        _entry(target=make.tenant("Acme"))
        out, err = io.StringIO(), io.StringIO()

        call_command("audit", "--limit", "1", stdout=out, stderr=err)

        assert "alice" in out.getvalue()
        assert "Acme" in out.getvalue()
        assert "--before" in err.getvalue()

    @pytest.mark.parametrize(
        "arguments",
        [("--event", "nonsense"), ("--since", "tomorrow"), ("--limit", "0"), ("--since", "9e999d")],
    )
    def test_odd_arguments_are_refused(self, arguments) -> None:
        with pytest.raises(CommandError):
            self.read(*arguments)
