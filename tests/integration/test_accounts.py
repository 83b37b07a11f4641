"""What an account holds, and what the console makes of it."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts import access, tasks
from accounts.access import Action
from accounts.models import Membership, Tenant, User
from telegram_assistant import schedules
from tests import factories as make

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
    tenant, operator = Tenant.objects.create(name="a"), User.objects.create_superuser("root")

    assert access.may(operator, action, tenant)

    operator.is_active = False
    access.forget_grants(operator)
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


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "Europe", "../../etc/passwd", "/etc/passwd", "\u0444"]
)
def test_an_unknown_stored_time_zone_is_that_of_the_installation_and_is_logged(
    client, ann, name, caplog
):
    User.objects.update(time_zone=name, last_login="2026-11-21T23:30:00Z")

    page = client.get(reverse("admin:accounts_user_change", args=[ann.pk]))

    assert page.status_code == 200
    assert 'value="02:30:00"' in page.content.decode()
    assert "is unknown" in caplog.text


def test_a_stored_language_that_is_gone_is_that_of_the_browser(client, ann):
    User.objects.update(language="xx")

    page = client.get(HOME, headers={"accept-language": "ru"})

    assert (page.status_code, page.headers["Content-Language"]) == (200, "ru")


class TestPageOfAUser:
    @pytest.fixture
    def page(self, client, ann):
        return lambda: client.get(reverse("admin:accounts_user_change", args=[ann.pk]))

    @pytest.fixture
    def save(self, client, ann, page):
        def _(**changes):
            form = page().context["adminform"].form
            data = {"username": "ann", "is_active": "on", "is_superuser": "on"}
            data |= {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
            data |= {"date_joined_0": "2026-11-21", "date_joined_1": "12:00:00"}
            data |= {name: form.initial[name] or "" for name in ("language", "time_zone")}
            answer = client.post(
                reverse("admin:accounts_user_change", args=[ann.pk]), data | changes
            )
            errors = answer.context and answer.context["adminform"].form.errors
            ann.refresh_from_db()
            return errors

        return _

    def offered(self, page, name):
        return page().context["adminform"].form.fields[name].choices

    def test_it_offers_the_languages_of_the_console(self, page):
        assert [value for value, _ in self.offered(page, "language")] == ["", "ru", "en"]

    def test_it_offers_time_zones_by_region_and_no_historical_names(self, page):
        groups = dict(self.offered(page, "time_zone")[1:])

        assert ("Europe/Moscow", "Europe/Moscow") in groups["Europe"]
        assert [value for value, _ in groups["UTC"]] == ["UTC"]
        assert "US" not in groups

    def test_what_is_chosen_is_stored(self, save, ann):
        errors = save(language="en", time_zone="Asia/Omsk")

        assert (errors, ann.language, ann.time_zone) == (None, "en", "Asia/Omsk")

    def test_a_historical_time_zone_stays_as_it_is(self, save, ann):
        User.objects.update(time_zone="US/Eastern")

        errors = save(language="en")

        assert (errors, ann.time_zone) == (None, "US/Eastern")

    def test_a_time_zone_that_is_not_offered_is_refused(self, save, ann):
        errors = save(time_zone="Mars/Olympus")

        assert list(errors) == ["time_zone"]
        assert ann.time_zone == ""

    def test_whoever_may_only_view_accounts_sees_the_page(self, client, ann):
        tenant = make.tenant()
        Membership.objects.create(user=ann, tenant=tenant)
        client.force_login(make.member("administrator", tenant))

        page = client.get(reverse("admin:accounts_user_change", args=[ann.pk]))

        assert page.status_code == 200

    def test_an_account_is_added(self, client, ann):
        password = {"usable_password": "true", "password1": "x7-long-enough"}
        data = {"username": "bob", "password2": "x7-long-enough", **password}

        client.post(reverse("admin:accounts_user_add"), data)

        assert User.objects.get(username="bob").check_password("x7-long-enough")


def test_the_page_of_a_tenant_names_its_members_with_one_query_each_at_most(client, ann):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            page = client.get(reverse("admin:accounts_tenant_change", args=[tenant.pk]))
        assert "bob0 – own" in page.content.decode()
        return len(captured)

    def join(name):
        Membership.objects.create(user=User.objects.create_user(name), tenant=tenant)

    tenant = Tenant.objects.create(name="own")
    join("bob0")
    queries()  # content types and the like are read once per process
    few = queries()
    for number in range(1, 5):
        join(f"bob{number}")

    # Each row has a select of its own that shows the chosen user.
    assert queries() <= few + 4


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


class TestMySettings:
    PAGE = reverse("my_settings")

    @pytest.fixture
    def bob(self, client):
        """A viewer, who may change nothing in the console."""
        user = make.member("viewer", make.tenant())
        User.objects.filter(pk=user.pk).update(username="bob")
        client.force_login(user)
        return user

    def test_everybody_in_the_console_finds_the_page(self, client, bob):
        assert self.PAGE in client.get(HOME).content.decode()

    def test_everybody_sets_the_own_language_time_zone_and_address(self, client, bob):
        chosen = {
            "language": "en",
            "time_zone": "Asia/Kamchatka",
            "notification_address": "b@x.org",
        }

        answer = client.post(self.PAGE, chosen, follow=True, headers={"accept-language": "ru"})

        bob.refresh_from_db()
        assert (bob.language, bob.time_zone) == ("en", "Asia/Kamchatka")
        assert bob.notification_address == "b@x.org"
        assert "Your settings are saved." in answer.content.decode()

    def test_nothing_else_and_nobody_else_can_be_changed_by_it(self, client, bob):
        ann = User.objects.create_user("ann")

        client.post(
            self.PAGE,
            {
                "language": "ru",
                "is_superuser": "on",
                "username": "root",
                "id": ann.pk,
                "pk": ann.pk,
            },
        )

        bob.refresh_from_db()
        ann.refresh_from_db()
        assert (bob.username, bob.is_superuser, bob.language) == ("bob", False, "ru")
        assert ann.language == ""

    def test_what_is_no_time_zone_is_refused(self, client, bob):
        answer = client.post(self.PAGE, {"time_zone": "Mars/Base"})

        assert answer.status_code == 200
        assert "errorlist" in answer.content.decode()
        assert User.objects.get(pk=bob.pk).time_zone == ""

    def test_who_may_not_enter_the_console_has_no_such_page(self, client):
        client.force_login(User.objects.create_user("carl"))

        assert client.get(self.PAGE).status_code == 302

    def test_it_is_in_russian(self, client, bob):
        page = client.get(self.PAGE, headers={"accept-language": "ru"}).content.decode()

        assert "Мои настройки" in page
        assert "Сохранить" in page
