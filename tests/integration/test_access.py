"""Tenants are apart from each other, and one module knows how."""

import uuid

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError
from django.urls import reverse
from rest_framework.exceptions import NotFound, ValidationError

from accounts import access, permissions
from accounts.models import Membership, Tenant, User
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
    return User.objects.create_user("operator", is_staff=True)


def test_a_member_sees_his_tenants_an_operator_all_and_a_stranger_none(alices, bobs, bob, operator):
    stranger = User.objects.create_user("stranger")

    assert set(access.tenants_of(bob)) == {bobs}
    assert set(access.tenants_of(operator)) == {alices, bobs}
    assert set(access.tenants_of(stranger)) == set()
    assert set(access.tenants_of(AnonymousUser())) == set()


def test_who_is_not_active_any_more_sees_nothing(bob, operator):
    bob.is_active = operator.is_active = False

    assert not access.tenants_of(bob).exists()
    assert not access.tenants_of(operator).exists()
    assert not access.is_operator(operator)


def test_rows_are_visible_through_their_tenant(alices, bobs, bob, operator):
    hers, his = media_object(owner=alices), media_object(owner=bobs)
    rows = type(hers).objects.all()

    assert set(access.visible(rows, bob)) == {his}
    assert set(access.visible(rows, operator)) == {hers, his}
    assert set(access.visible(Tenant.objects.all(), bob, "pk")) == {bobs}


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
        permissions.visible_or_404(Tenant.objects.all(), bob, text, "pk")


def test_one_belongs_to_a_tenant_once(bob, bobs):
    with pytest.raises(IntegrityError, match="membership_once"):
        Membership.objects.create(user=bob, tenant=bobs)


@pytest.mark.filterwarnings("ignore:No directory at")
def test_memberships_are_edited_in_the_console(client, bob, alices):
    client.force_login(User.objects.create_superuser("root"))
    fields = {
        "name": "Alice's", "settings": "{}",
        "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": str(bob.pk),
    }  # fmt: skip

    answer = client.post(reverse("admin:accounts_tenant_change", args=[alices.pk]), fields)

    assert answer.status_code == 302
    assert access.tenants_of(bob).filter(pk=alices.pk).exists()
    assert client.get(reverse("admin:accounts_membership_changelist")).status_code == 200
