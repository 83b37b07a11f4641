"""Rows that people edit: every change of one is an entry, and what the pipeline writes is none."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts import audit
from accounts.models import AuditEntry, Membership, Tenant
from events.console import list_of, page_of
from media.models import Channel
from tests import factories as make

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

RECORDED_OTHERWISE = {
    "accounts.ApiToken": "token.issued and token.revoked",
    "media.TelegramAccount": "telegram.signed_in and telegram.signed_out",
    "media.ChannelFeed": "channel.followed, channel.paused and channel.resumed",
}
"""Pages where something can be added or deleted, and is recorded by an event of its own."""
NO_MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}


@pytest.fixture
def root(db: None) -> Client:
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def entries(**wanted) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(**wanted).order_by("pk"))


def _editable() -> list[type]:
    """Every model of which the console lets a superuser add, change or delete a row."""
    request = RequestFactory().get("/")
    request.user = get_user_model()(is_superuser=True, is_active=True, is_staff=True)
    found = []
    for model, page in admin.site._registry.items():
        parts = [
            (model, page),
            *((part.model, part) for part in page.get_inline_instances(request)),
        ]
        found += [each for each, part in parts if _permits(part, request, page)]
    return found


def _permits(part, request, page) -> bool:
    """Whether rows can be edited on this page, or in this part of it."""
    parent = () if part is page else (None,)
    adds = part.has_add_permission(request, *parent)
    return adds or part.has_change_permission(request) or part.has_delete_permission(request)


def test_every_model_that_can_be_edited_in_the_console_is_followed() -> None:
    editable = _editable()

    missing = {model._meta.label for model in set(editable) - audit.followed()}
    assert len(editable) >= 8
    assert missing <= set(RECORDED_OTHERWISE), missing


def test_what_a_person_changes_is_told_with_before_and_after(root) -> None:
    tenant = make.tenant("before")

    page = page_of(Tenant, tenant.pk)
    root.post(page, {"name": "after", "limit_bytes": "5", "settings": "{}", **NO_MEMBERS})

    [entry] = entries(event="row.changed")
    assert (entry.actor_kind, entry.actor_name, entry.address) == ("user", "root", "192.0.2.7")
    assert entry.before == {"name": "before", "limit_bytes": None}
    assert entry.after == {"name": "after", "limit_bytes": 5}
    assert (entry.object_key, entry.tenant_id) == (str(tenant.pk), tenant.pk)
    assert entry.trace_id.startswith("req_")


def test_times_are_told_with_their_zone(root) -> None:
    user = get_user_model().objects.create_user("ann")
    user.date_joined = datetime(2026, 11, 27, 19, 0, tzinfo=ZoneInfo("Europe/Moscow"))
    user.save()

    [entry] = entries(event="row.changed", object_key=str(user.pk))
    assert entry.after == {"date_joined": "2026-11-27 16:00:00+00:00"}
    assert entry.before["date_joined"].endswith("+00:00")


def test_what_is_saved_unchanged_is_no_entry(root) -> None:
    tenant = make.tenant("same")

    root.post(page_of(Tenant, tenant.pk), {"name": "same", "settings": "{}", **NO_MEMBERS})

    assert not entries(event="row.changed")


def test_a_row_that_is_added_and_deleted_is_told_with_what_it_held(root) -> None:
    alice, tenant = get_user_model().objects.create_user("alice"), make.tenant("t")
    given = {"user": alice.pk, "tenant": tenant.pk, "role": "viewer"}
    root.post(reverse("admin:accounts_membership_add"), given)
    membership = Membership.objects.get()

    root.post(reverse("admin:accounts_membership_delete", args=[membership.pk]), {"post": "yes"})

    added, deleted = entries(object_kind="accounts.membership")
    assert (added.event, added.before) == ("row.added", None)
    assert (deleted.event, deleted.after) == ("row.deleted", None)
    assert added.object_key == deleted.object_key == str(membership.pk)
    assert added.tenant == deleted.tenant == tenant
    assert set(added.after) <= {field.name for field in Membership._meta.concrete_fields}


def test_the_members_of_a_tenant_are_told_from_its_page_as_well(root) -> None:
    alice, tenant = get_user_model().objects.create_user("alice"), make.tenant("t")
    given = {
        "name": "t", "settings": "{}", "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": alice.pk, "memberships-0-tenant": tenant.pk, "memberships-0-role": "viewer",
    }  # fmt: skip

    root.post(page_of(Tenant, tenant.pk), given)

    [entry] = entries(object_kind="accounts.membership")
    assert entry.event == "row.added"


def test_another_role_is_an_event_of_its_own(root) -> None:
    tenant = make.tenant("t")
    membership = Membership.objects.get(user=make.member("viewer", tenant))

    membership.role = "administrator"
    membership.save()

    [entry] = entries(event="role.changed")
    assert (entry.before, entry.after) == ({"role": "viewer"}, {"role": "administrator"})
    assert entry.tenant == tenant


def test_rows_chosen_in_a_list_and_deleted_are_told_one_by_one(root) -> None:
    tenant = make.tenant()
    for role in ("viewer", "operator", "administrator"):
        make.member(role, tenant)
    chosen = {
        "action": "delete_selected",
        "_selected_action": [membership.pk for membership in Membership.objects.all()],
        "post": "yes",
    }

    root.post(list_of(Membership), chosen)

    told = [entry.before["role"] for entry in entries(event="row.deleted")]
    assert sorted(told) == ["administrator", "operator", "viewer"]


def test_of_a_password_it_is_told_only_that_it_changed(root) -> None:
    alice = get_user_model().objects.create_user("alice", password="old password of alice")
    old = alice.password

    alice.set_password("new password of alice")
    alice.save()

    [entry] = entries(event="row.changed")
    assert (entry.before, entry.after) == ({"password": "[hidden]"}, {"password": "[hidden]"})
    everything = json.dumps(list(AuditEntry.objects.values("before", "after")))
    assert alice.password not in everything
    assert old not in everything
    assert "of alice" not in everything


def test_a_sign_in_is_no_change_of_the_account(root) -> None:
    assert not entries(event="row.changed")


def test_rights_that_are_given_and_taken_are_told() -> None:
    alice, group = get_user_model().objects.create_user("alice"), Group.objects.create(name="g")
    permission = Permission.objects.order_by("pk").first()

    alice.groups.add(group)
    group.permissions.add(permission)
    alice.groups.remove(group)

    given, allowed, taken = entries(event="row.changed")
    assert given.after == {"groups": ["g"]}
    assert allowed.after == {"permissions": [str(permission)]}
    assert (taken.before, taken.after) == ({"groups": ["g"]}, None)


def test_a_page_that_changes_the_own_account_is_told(root) -> None:
    root.post(reverse("my_settings"), {"language": "en", "time_zone": "UTC"})

    [entry] = entries(event="row.changed")
    assert entry.after == {"language": "en", "time_zone": "UTC"}


def test_of_a_channel_what_people_change_is_told_and_what_an_import_writes_is_not(root) -> None:
    channel = make.channel(username="old")
    channel.title = "by an import"
    channel.save()

    root.post(page_of(Channel, channel.pk), {"username": "newer", "is_active": "on"})

    [entry] = entries(object_kind="media.channel")
    assert (entry.before, entry.after) == ({"username": "old"}, {"username": "newer"})
    assert entry.tenant == channel.tenant


def test_of_the_scheduler_what_people_change_is_told_and_what_it_writes_itself_is_not(root) -> None:
    schedule, queued = (apps.get_model("django_q", name) for name in ("Schedule", "OrmQ"))
    row = schedule.objects.create(name="mine", func="math.sqrt", schedule_type="O")
    row.task = "0" * 32
    row.save()
    waiting = queued.objects.create(key="k", payload="secret payload")

    root.post(reverse("admin:django_q_schedule_delete", args=[row.pk]), {"post": "yes"})
    with audit.acting(audit.of_user(get_user_model().objects.get(), "192.0.2.7")):
        waiting.delete()

    assert [(e.event, e.object_kind) for e in entries(object_kind__startswith="django_q")] == [
        ("row.deleted", "django_q.schedule"),
        ("row.deleted", "django_q.ormq"),
    ]
    assert "secret payload" not in str(entries()[-1].before)


def test_a_field_of_a_megabyte_is_cut_and_it_says_so() -> None:
    tenant = make.tenant("t")

    tenant.settings = {"note": "y" * 1_000_000}
    tenant.save()

    cut = entries(event="row.changed")[-1].after["settings"]
    assert "characters)" in str(cut)
    assert len(str(cut)) < 1000
