"""What an account holds, and what the console makes of it."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts import access, tasks
from accounts.access import Action
from accounts.models import Membership, Tenant, User
from telegram_assistant import schedules

pytestmark = pytest.mark.django_db

HOME = reverse("admin:index")


@pytest.fixture
def ann(client):
    user = User.objects.create_superuser("ann")
    client.force_login(user)
    return user


def test_a_member_may_view_the_own_tenant_but_not_operate_it():
    own, other = Tenant.objects.create(name="own"), Tenant.objects.create(name="other")
    bob = User.objects.create_user("bob")
    Membership.objects.create(user=bob, tenant=own)

    assert access.may(bob, Action.VIEW, own)
    assert not access.may(bob, Action.OPERATE, own)
    assert not access.may(bob, Action.VIEW, other)


@pytest.mark.parametrize("action", Action)
def test_an_operator_may_do_everything_and_nothing_once_the_account_is_closed(action):
    tenant, operator = Tenant.objects.create(name="a"), User(is_staff=True)

    assert access.may(operator, action, tenant)

    operator.is_active = False
    assert not access.may(operator, action, tenant)


def test_the_console_speaks_the_language_of_the_account_whatever_the_browser_asks_for(client, ann):
    User.objects.update(language="en")
    page = client.get(HOME, headers={"accept-language": "ru"})

    assert page.headers["Content-Language"] == "en"
    assert "Console" in page.content.decode()


def test_without_a_language_of_its_own_the_account_reads_that_of_the_browser(client, ann):
    page = client.get(HOME, headers={"accept-language": "ru"})

    assert page.headers["Content-Language"] == "ru"


def test_times_are_shown_in_the_time_zone_of_the_account(client, ann):
    User.objects.update(time_zone="Asia/Kamchatka", last_login="2026-11-21T23:30:00Z")

    page = client.get(reverse("admin:accounts_user_change", args=[ann.pk])).content.decode()

    assert 'value="11:30:00"' in page


def test_the_next_request_is_not_read_in_the_time_zone_of_the_one_before(client, ann):
    User.objects.update(time_zone="Asia/Kamchatka", last_login="2026-11-21T23:30:00Z")
    page = reverse("admin:accounts_user_change", args=[ann.pk])
    client.get(page)

    User.objects.update(time_zone="")

    assert 'value="02:30:00"' in client.get(page).content.decode()


@pytest.mark.parametrize("name", ["Moscow", "UTC+3", "../../etc/passwd", "Europe/Moscow "])
def test_a_time_zone_that_does_not_exist_is_refused(name):
    with pytest.raises(ValidationError):
        User(username="bob", password="x", time_zone=name).full_clean()


def test_expired_sessions_are_deleted_every_day():
    now = timezone.now()
    for key, days in (("over", -1), ("valid", 1)):
        Session.objects.create(session_key=key, expire_date=now + timedelta(days=days))

    outcome = tasks.clear_sessions()

    assert outcome == "expired sessions deleted"
    assert [session.session_key for session in Session.objects.all()] == ["valid"]
    (job,) = [job for job in schedules.JOBS if job.func == "accounts.tasks.clear_sessions"]
    assert import_string(job.func) is tasks.clear_sessions
    assert job.minutes == 24 * 60
