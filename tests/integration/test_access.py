"""Tenants are apart from each other, and one module knows how."""

import uuid

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db import IntegrityError
from django.urls import reverse
from rest_framework.exceptions import NotFound, ValidationError

from accounts import access
from accounts.access import Action, Restriction
from accounts.models import BrowserSession, Membership, Role, Tenant, User
from accounts.permissions import rest as permissions
from accounts.permissions import table as permission_table
from events.models import OutboxEvent
from storage_quota.models import BucketState
from tests import factories as make
from tests.factories import media_object

pytestmark = pytest.mark.django_db


@pytest.fixture
def alices():
    return Tenant.objects.create(name="Alice's")


@pytest.fixture
def bobs():
    return Tenant.objects.create(name="Bob's")


@pytest.fixture
def bob(bobs):
    user = User.objects.create_user("bob")
    Membership.objects.create(user=user, tenant=bobs)
    return user


@pytest.fixture
def operator():
    return User.objects.create_superuser("operator")


def test_a_member_sees_his_tenants_an_operator_all_and_a_stranger_none(alices, bobs, bob, operator):
    stranger = User.objects.create_user("stranger")

    assert set(access.tenants_of(bob)) == {bobs}
    assert set(access.tenants_of(operator)) == {alices, bobs}
    assert set(access.tenants_of(stranger)) == set()
    assert set(access.tenants_of(AnonymousUser())) == set()


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("viewer", {Action.VIEW}),
        ("operator", {Action.VIEW, Action.OPERATE}),
        ("administrator", set(Action)),
    ],
)
def test_a_role_allows_what_it_says_in_its_tenant_only(alices, bobs, role, allowed):
    user = make.member(role, bobs)

    assert {action for action in Action if access.may(user, action, bobs)} == allowed
    assert {action for action in Action if access.may_anywhere(user, action)} == allowed
    assert not any(access.may(user, action, alices) for action in Action)
    assert not any(access.may_everywhere(user, action) for action in Action)


def test_the_right_in_every_tenant_is_the_right_to_what_all_share(alices, bobs):
    user = make.member("operator", bobs)
    Membership.objects.create(user=user, tenant=alices, role="viewer")

    assert access.may_everywhere(user, Action.VIEW)
    assert not access.may_everywhere(user, Action.OPERATE)

    make.tenant()  # which he knows nothing of
    access.forget_grants(user)
    assert not access.may_everywhere(user, Action.VIEW)


def test_before_there_is_a_tenant_only_a_superuser_may_do_anything(operator):
    stranger = User.objects.create_user("stranger")

    assert not Tenant.objects.exists()
    assert access.may_everywhere(operator, Action.ADMINISTER)
    assert not access.may_everywhere(stranger, Action.VIEW)


def test_staff_is_no_permission(alices):
    user = User.objects.create_user("ann", is_staff=True)
    user.user_permissions.set(Permission.objects.all())

    assert not access.may_anywhere(user)
    assert not any(user.has_perm(name) for name in ("media.view_post", "accounts.view_user"))


class TestRestrictions:
    """A token allows what both it and its user are allowed."""

    @pytest.mark.parametrize("own", [None, *Role.values])
    @pytest.mark.parametrize("most", Action)
    @pytest.mark.parametrize("limited_to", [None, "bobs", "alices", "nobody's"])
    def test_never_more_than_its_user_and_never_more_than_it_says(
        self, alices, bobs, own, most, limited_to
    ):
        free, bound = (
            make.superuser() if own is None else make.member(own, bobs) for _ in range(2)
        )
        only = {"bobs": bobs.pk, "alices": alices.pk, "nobody's": uuid.uuid4(), None: None}
        access.restrict(bound, Restriction(most, only[limited_to]))

        for action in Action:
            for tenant in (alices, bobs):
                expected = (
                    access.may(free, action, tenant)
                    and list(Action).index(action) <= list(Action).index(most)
                    and limited_to in {None, {alices.pk: "alices", bobs.pk: "bobs"}[tenant.pk]}
                )
                assert access.may(bound, action, tenant) is expected
                seen = Tenant.objects.filter(pk=tenant.pk)
                assert access.visible(seen, bound, action).exists() is expected

    def test_a_superuser_by_a_token_for_reading_changes_nothing(self, alices, operator):
        access.restrict(operator, Restriction(Action.VIEW))

        assert access.may_everywhere(operator, Action.VIEW)
        assert not access.may_everywhere(operator, Action.OPERATE)

    def test_reading_the_rights_again_lifts_no_restriction(self, alices, operator):
        access.restrict(operator, Restriction(Action.VIEW))

        access.forget_grants(operator)

        assert not access.may_everywhere(operator, Action.OPERATE)

    def test_a_token_of_one_tenant_sees_nothing_of_the_installation(self, alices, bobs, operator):
        access.restrict(operator, Restriction(Action.ADMINISTER, bobs.pk))

        assert not access.may_everywhere(operator, Action.VIEW)
        assert not access.visible(BucketState.objects.all(), operator).exists()


def test_every_model_of_a_tenant_is_found_through_its_path(alices):
    """A path that is wrong would only be found out by the first member who looks."""
    user = make.member("administrator", alices)

    for model in apps.get_models():
        if access.tenant_path(model):
            assert list(access.visible(model._default_manager.all(), user)[:1]) in ([], [alices], [
                model._default_manager.first()
            ])  # fmt: skip


def test_a_member_of_two_tenants_is_one_row_and_so_is_his_session(alices, bobs):
    user, administrator = (make.member("administrator", alices, bobs) for _ in range(2))
    BrowserSession.objects.create(user=user, session_key="x" * 32, ip="::1")

    users = access.visible(User.objects.filter(pk=user.pk), administrator, Action.ADMINISTER)
    sessions = access.visible(BrowserSession.objects.all(), administrator, Action.ADMINISTER)

    assert [row.pk for row in users] == [user.pk]
    assert len(sessions) == 1


def test_a_model_with_a_tenant_has_a_path():
    pointing = [
        model
        for model in apps.get_models()
        if any(field.related_model is Tenant for field in model._meta.concrete_fields)
    ]

    assert len(pointing) > 10
    assert [model for model in pointing if not access.tenant_path(model)] == []


@pytest.mark.parametrize("name", sorted(permission_table.entered()))
def test_what_a_role_is_allowed_exists(name):
    assert permission_table.model_of(name)


def test_events_are_visible_by_the_text_of_their_tenant(alices, bobs):
    hers, his = (make.event(tenant_id=str(owner.pk)) for owner in (alices, bobs))
    nobodys = make.event(tenant_id="t")

    assert set(access.visible(OutboxEvent.objects.all(), make.member("viewer", bobs))) == {his}
    everything = access.visible(OutboxEvent.objects.all(), make.superuser())
    assert set(everything) == {hers, his, nobodys}


def test_who_is_not_active_any_more_sees_nothing(bob, operator):
    bob.is_active = operator.is_active = False

    assert not access.tenants_of(bob).exists()
    assert not access.tenants_of(operator).exists()
    assert not access.may_everywhere(operator, access.Action.VIEW)


def test_rows_are_visible_through_their_tenant(alices, bobs, bob, operator):
    hers, his = media_object(owner=alices), media_object(owner=bobs)
    rows = type(hers).objects.all()

    assert set(access.visible(rows, bob)) == {his}
    assert set(access.visible(rows, operator)) == {hers, his}
    assert set(access.visible(Tenant.objects.all(), bob)) == {bobs}


def test_a_foreign_row_is_answered_like_one_that_is_not_there(alices, bob):
    hers = media_object(owner=alices)
    answers = []
    for pk in (hers.pk, uuid.uuid4()):
        with pytest.raises(NotFound) as refusal:
            permissions.visible_or_404(type(hers).objects.all(), bob, str(pk))
        answers.append(refusal.value.get_full_details())

    assert answers[0] == answers[1]


@pytest.mark.parametrize("text", ["", "x", "\0", "1" * 10_000, "\ud800", "../1"])
def test_what_is_no_uuid_is_a_bad_value(bob, text):
    with pytest.raises(ValidationError):
        permissions.visible_or_404(Tenant.objects.all(), bob, text)


def test_one_belongs_to_a_tenant_once(bob, bobs):
    with pytest.raises(IntegrityError, match="membership_once"):
        Membership.objects.create(user=bob, tenant=bobs)


@pytest.mark.filterwarnings("ignore:No directory at")
def test_memberships_are_edited_in_the_console(client, bob, alices):
    client.force_login(User.objects.create_superuser("root"))
    fields = {
        "name": "Alice's", "settings": "{}",
        "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": str(bob.pk), "memberships-0-role": "operator",
    }  # fmt: skip

    answer = client.post(reverse("admin:accounts_tenant_change", args=[alices.pk]), fields)

    assert answer.status_code == 302
    access.forget_grants(bob)
    assert access.tenants_of(bob, access.Action.OPERATE).get() == alices
    assert client.get(reverse("admin:accounts_membership_changelist")).status_code == 200


def test_the_console_offers_no_groups_of_which_no_right_comes():
    assert Group not in admin.site._registry
