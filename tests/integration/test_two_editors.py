"""Two superusers have the same form open: neither undoes, unseen, what the other one saved."""

import threading

import lxml.html
import pytest
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule

from accounts.admin.preferences import FIELDS as PREFERENCES
from accounts.models import Membership, User
from accounts.sign_in.adapter import SignInAdapter
from crawl.models import CrawlDomain
from media.models import Channel
from telegram_assistant import schedules
from tests import factories as make
from tests.concurrency import in_threads, wait_until_one_is_blocked

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]


SECRET = "correct horse battery staple 7"


@pytest.fixture
def browser() -> Client:
    client = Client()
    client.force_login(make.superuser())
    return client


def opened(browser: Client, address: str) -> dict[str, str]:
    """The values of the form as a browser would send them."""
    page = lxml.html.fromstring(browser.get(address).content.decode())
    [form] = [form for form in page.forms if form.inputs and "_save" in form.inputs]
    empty = {name: "" for name in form.fields if name.startswith("initial-")}  # lxml skips these
    return empty | {name: value for name, value in form.form_values() if "__prefix__" not in name}


def saved(browser: Client, address: str, form: dict[str, str], **changes: str) -> bool:
    return browser.post(address, form | changes | {"_save": "1"}).status_code == 302


def test_a_form_writes_only_what_was_changed_in_it(browser):
    tenant = make.tenant()
    address = reverse("admin:accounts_tenant_change", args=[tenant.pk])
    one, other = opened(browser, address), opened(browser, address)

    limits = '{"limits": {"media_gb": 1}}'
    assert saved(browser, address, one, limit_bytes="5000", settings=limits)
    assert saved(browser, address, other, name="another")

    tenant.refresh_from_db()
    assert (tenant.name, tenant.limit_bytes) == ("another", 5000)
    assert tenant.settings == {"limits": {"media_gb": 1}}


@pytest.mark.parametrize(
    ("field", "first", "second"),
    [
        ("name", "one", "two"),
        ("limit_bytes", "5000", "6000"),
        ("settings", '{"limits": {"media_gb": 1}}', '{"tagging": {"threshold": 0.7}}'),
    ],
)
def test_what_both_changed_is_refused_to_the_second(browser, field, first, second):
    tenant = make.tenant()
    address = reverse("admin:accounts_tenant_change", args=[tenant.pk])
    one, other = opened(browser, address), opened(browser, address)

    assert saved(browser, address, one, **{field: first})
    assert not saved(browser, address, other, **{field: second})
    assert saved(browser, address, opened(browser, address), **{field: second})


def test_an_account_that_was_closed_meanwhile_stays_closed(browser):
    user = make.member()
    user.username = "somebody"
    user.save()
    address = reverse("admin:accounts_user_change", args=[user.pk])
    form = opened(browser, address)
    closing = {k: v for k, v in opened(browser, address).items() if k != "is_active"}

    assert saved(browser, address, closing)
    assert saved(browser, address, form, email="new@example.org")

    user.refresh_from_db()
    assert (user.is_active, user.email) == (False, "new@example.org")


class TestSavesOfAUser:
    """Whatever has been changed here is written, and nothing else."""

    @pytest.fixture
    def user(self):
        return User.objects.get(pk=make.member().pk)

    def stored(self, user):
        return User.objects.get(pk=user.pk)

    def test_what_others_wrote_meanwhile_stays(self, user):
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.email = "new@example.org"
        user.save()

        assert (self.stored(user).is_active, self.stored(user).email) == (False, "new@example.org")

    def test_after_a_save_of_some_columns_the_others_are_still_to_be_written(self, user):
        user.email, user.first_name = "new@example.org", "Ирина"
        user.save(update_fields=["email"])
        assert self.stored(user).first_name == ""

        user.save()
        assert self.stored(user).first_name == "Ирина"

    def test_what_was_read_anew_is_what_later_changes_are_compared_to(self, user):
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.refresh_from_db()
        user.is_active = True
        user.save()

        assert self.stored(user).is_active

    def test_a_column_that_was_not_read_is_written_when_it_is_set(self, user):
        seldom = User.objects.defer("email").get(pk=user.pk)
        seldom.email = "new@example.org"
        seldom.save()
        assert self.stored(user).email == "new@example.org"

        again = User.objects.defer("email").get(pk=user.pk)
        assert again.email == "new@example.org"
        again.email = ""
        again.save()
        assert self.stored(user).email == ""

    def test_a_new_one_is_written_whole_and_changed_later(self):
        made = User(username="somebody", email="a@example.org")
        made.save()
        assert self.stored(made).email == "a@example.org"

        made.email = ""
        made.save()
        assert self.stored(made).email == ""


def preferences(browser: Client) -> dict[str, str]:
    page = lxml.html.fromstring(browser.get(reverse("my_settings")).content.decode())
    [form] = [form for form in page.forms if "language" in form.inputs]
    return {"initial-" + name: "" for name in PREFERENCES} | dict(form.form_values())


def a_domain():
    return CrawlDomain.objects.create(tenant=make.tenant(), host="a.example", hour=timezone.now())


def a_membership():
    return Membership.objects.get(user=make.member("viewer", make.tenant()))


def a_schedule():
    job = schedules.JOBS[0]
    return Schedule.objects.create(
        name="one", func=job.func, schedule_type=Schedule.MINUTES, minutes=5
    )


@pytest.mark.parametrize(
    ("made", "field", "first", "second"),
    [
        (a_domain, "budget", "5", "9"),
        (a_membership, "role", "operator", "administrator"),
        (a_schedule, "minutes", "7", "9"),
        (make.channel, "username", "channel_one", "channel_two"),
    ],
)
def test_nobody_overwrites_unseen_what_another_one_saved(browser, made, field, first, second):
    row = made()
    address = reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])
    one, other, unchanged = (opened(browser, address) for _ in range(3))

    assert saved(browser, address, one, **{field: first})
    assert not saved(browser, address, other, **{field: second})
    assert saved(browser, address, unchanged)

    row.refresh_from_db()
    assert str(getattr(row, field)) == first


def test_nor_does_one_user_in_two_tabs_with_the_own_settings(browser):
    address = reverse("my_settings")
    one, other = preferences(browser), preferences(browser)

    assert browser.post(address, one | {"language": "en"}).status_code == 302
    assert browser.post(address, other | {"language": "ru"}).status_code == 200
    assert browser.post(address, other | {"time_zone": "Asia/Omsk"}).status_code == 302

    user = User.objects.get()
    assert (user.language, user.time_zone) == ("en", "Asia/Omsk")


def test_of_two_tabs_saved_at_once_the_second_waits_for_the_first(browser):
    form = preferences(browser)

    with CaptureQueriesContext(connection) as queries:
        browser.post(reverse("my_settings"), form | {"language": "en"})

    locked = [query["sql"] for query in queries if "FOR NO KEY UPDATE" in query["sql"]]
    assert [User._meta.db_table in statement for statement in locked] == [True]


def test_nor_what_a_user_has_chosen_on_the_page_of_the_user(browser):
    user = User.objects.get()
    User.objects.update(username="root")
    address = reverse("admin:accounts_user_change", args=[user.pk])
    form = opened(browser, address)
    User.objects.update(time_zone="Asia/Omsk")

    assert saved(browser, address, form, email="new@example.org")
    assert not saved(browser, address, form, time_zone="Asia/Tomsk")

    user.refresh_from_db()
    assert (user.email, user.time_zone) == ("new@example.org", "Asia/Omsk")


def test_nor_in_the_list_of_members_on_the_page_of_a_tenant(browser):
    row = a_membership()
    address = reverse("admin:accounts_tenant_change", args=[row.tenant_id])
    form = opened(browser, address)
    Membership.objects.filter(pk=row.pk).update(role="operator")

    assert saved(browser, address, form, name="another")
    assert not saved(browser, address, form, **{"memberships-0-role": "administrator"})

    row.refresh_from_db()
    assert row.role == "operator"


@pytest.mark.parametrize("text", ['{"limits": "\\ud800"}', "[" * 3000 + "]" * 3000])
def test_json_that_cannot_be_read_or_shown_is_refused_as_it_was_typed(browser, text):
    tenant = make.tenant()
    address = reverse("admin:accounts_tenant_change", args=[tenant.pk])

    answer = browser.post(address, opened(browser, address) | {"settings": text, "_save": "1"})

    page = lxml.html.fromstring(answer.content.decode())
    [field] = page.xpath("//textarea[@name='settings']")
    assert (answer.status_code, field.value.strip()) == (200, text)
    assert page.xpath("//div[contains(@class, 'field-settings')]//ul[@class='errorlist']")
    tenant.refresh_from_db()
    assert tenant.settings == {}


@pytest.mark.django_db(transaction=True)
def test_a_form_that_waits_for_an_import_takes_nothing_back_that_it_has_written(browser):
    channel = make.channel()
    address = reverse("admin:media_channel_change", args=[channel.pk])
    form = opened(browser, address)

    with transaction.atomic():
        Channel.objects.filter(pk=channel.pk).update(last_message_id=7, title="New title")
        paused = threading.Thread(target=lambda: in_threads(lambda: pause(browser, address, form)))
        paused.start()
        wait_until_one_is_blocked()
    paused.join()

    channel.refresh_from_db()
    assert (channel.is_active, channel.last_message_id) == (False, 7)
    assert channel.title == "New title"


@pytest.mark.costly
@pytest.mark.django_db(transaction=True)
def test_of_two_forms_saved_at_once_neither_takes_back_what_the_other_has_changed(browser):
    tenant = make.tenant()
    address = reverse("admin:accounts_tenant_change", args=[tenant.pk])
    form = opened(browser, address)

    for number in range(5):
        form = opened(browser, address)
        in_threads(
            lambda n=number, f=form: saved(browser, address, f, name=f"name {n}"),
            lambda n=number, f=form: saved(browser, address, f, limit_bytes=str(5000 + n)),
        )

        tenant.refresh_from_db()
        assert (tenant.name, tenant.limit_bytes) == (f"name {number}", 5000 + number)


def by_the_console(browser, user):
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    form = {"usable_password": "true", "password1": SECRET, "password2": SECRET}
    assert browser.post(address, form).status_code == 302


def by_its_owner(_browser, user):
    SignInAdapter().set_password(user, SECRET)


def with_an_identity(_browser, user):
    user.set_password(SECRET)
    SocialLogin(user=user, account=SocialAccount(provider="oidc", uid="1")).save(None, connect=True)


@pytest.mark.parametrize("change", [by_the_console, by_its_owner, with_an_identity])
@pytest.mark.django_db(transaction=True)
def test_an_account_that_is_closed_while_something_else_of_it_is_saved_stays_closed(
    browser, change
):
    pk = make.member().pk
    user = User.objects.get(pk=pk)

    with transaction.atomic():
        User.objects.filter(pk=pk).update(is_active=False)
        changing = threading.Thread(target=lambda: in_threads(lambda: change(browser, user)))
        changing.start()
        wait_until_one_is_blocked()
    changing.join()

    user = User.objects.get(pk=pk)
    assert (user.is_active, user.check_password(SECRET)) == (False, True)


def pause(browser: Client, address: str, form: dict[str, str]) -> None:
    assert saved(browser, address, {k: v for k, v in form.items() if k != "is_active"})
