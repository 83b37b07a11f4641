"""Inviting people: by whom, to what, how often a link works, and what it does not open."""

import re
import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Membership, Role, User
from telegram_assistant.config.accounts.sign_in import Email
from tests import factories as make
from tests.concurrency import in_threads

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]
PAGE = reverse("invite")
PASSWORD = "correct horse battery staple"


@pytest.fixture
def tenant():
    return make.tenant()


@pytest.fixture
def browser(tenant) -> Client:
    client = Client()
    client.force_login(make.member(Role.ADMINISTRATOR, tenant))
    return client


def invite(browser: Client, tenant, name: str = "new", **more) -> str:
    """The link that is shown; empty where none is."""
    form = {"username": name, "tenant": str(tenant.pk), "role": "operator", **more}
    page = browser.post(PAGE, form, follow=True).content.decode()
    found = re.search(r"<code>http://testserver(\S+)</code>", page)
    return found[1] if found else ""


def set_password(link: str) -> bool:
    """Whether a person with this link gets a password."""
    client = Client()
    page = client.get(link)
    if page.status_code != 302:
        return False
    form = {"password1": PASSWORD, "password2": PASSWORD}
    return client.post(page.url, form).status_code == 302


def may_sign_in(name: str = "new") -> bool:
    client = Client()
    client.post(reverse("account_login"), {"login": name, "password": PASSWORD})
    return client.get("/admin/").status_code == 200


def test_a_person_sets_a_password_and_has_the_role(browser, tenant) -> None:
    link = invite(browser, tenant)
    user = User.objects.get(username="new")
    assert not user.has_usable_password()
    assert not may_sign_in()
    assert set_password(link)

    assert may_sign_in()
    [row] = Membership.objects.filter(user=user)
    assert (row.tenant, row.role) == (tenant, Role.OPERATOR)
    entry = AuditEntry.objects.get(event="member.invited")
    assert (entry.tenant_id, entry.after) == (tenant.pk, {"role": "operator"})
    assert link.split("/")[-2] not in str(list(AuditEntry.objects.values()))


def test_a_link_works_once_and_not_after_its_time(browser, tenant, monkeypatch) -> None:
    used, late = invite(browser, tenant, "one"), invite(browser, tenant, "two")
    assert set_password(used)
    assert not set_password(used)
    after = timezone.make_naive(timezone.now() + timedelta(minutes=61))
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda _: after)
    assert not set_password(late)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_how_long_a_link_is_good_for_is_said_where_it_is_shown_and_sent(
    browser, tenant, settings, language
) -> None:
    settings.PASSWORD_RESET_TIMEOUT = 45 * 60
    form = {"username": "new", "tenant": str(tenant.pk), "role": "viewer"}
    said = {"en": "{} 45 minutes", "ru": "срок её действия в минутах: 45"}[language]
    headers = {"accept-language": language}

    shown = browser.post(PAGE, form, headers=headers).content.decode()
    settings.EMAIL = Email(host="mail.example.org", sender="archive@example.org")
    browser.post(PAGE, form | {"email": "new@example.org"}, headers=headers)

    assert said.format("ends after") in shown
    assert said.format("within") in mail.outbox[0].body


def test_no_link_is_in_the_log_or_in_the_audit(browser, tenant, log_lines) -> None:
    """Whoever reads either could set the password before the person that is invited."""
    link = invite(browser, tenant)
    key = link.rstrip("/").rpartition("/")[2]

    for client in (Client(), browser):
        client.get(link)
        client.get(link.replace(key, f"{key}x"))
    Membership.objects.filter(user__username="new").delete()
    browser.get(link)

    assert "/reset/key/" in str(log_lines("telegram_assistant.logs.access"))
    assert AuditEntry.objects.filter(event="access.refused").exists()
    assert key not in str(log_lines())
    assert key not in str(list(AuditEntry.objects.values()))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_open_a_link_at_once_one_sets_the_password(tenant, monkeypatch) -> None:
    browser = Client()
    browser.force_login(make.member(Role.ADMINISTRATOR, tenant))
    link, persons = invite(browser, tenant), [Client(), Client()]
    forms = [person.get(link).url for person in persons]
    passwords = [f"{PASSWORD} {number}" for number in range(2)]
    both_are_checked, check = threading.Barrier(2), PasswordResetTokenGenerator.check_token

    def checked(*args) -> bool:
        found = check(*args)
        with suppress(threading.BrokenBarrierError):  # the other one waits for this one
            both_are_checked.wait(timeout=1)
        return found

    monkeypatch.setattr(PasswordResetTokenGenerator, "check_token", checked)
    answers: dict[int, int] = {}

    def send(number: int) -> None:
        form = {"password1": passwords[number], "password2": passwords[number]}
        answers[number] = persons[number].post(forms[number], form).status_code

    in_threads(lambda: send(0), lambda: send(1))

    assert sorted(answers.values()) == [200, 302]
    user = User.objects.get(username="new")
    assert [user.check_password(one) for one in passwords] == [
        answers[number] == 302 for number in range(2)
    ]


def test_another_invitation_ends_the_first_and_changes_the_role(browser, tenant) -> None:
    first = invite(browser, tenant)
    second = invite(browser, tenant, role="viewer")

    assert not set_password(first)
    assert set_password(second)
    assert Membership.objects.get(user__username="new").role == Role.VIEWER
    assert invite(browser, tenant) == ""  # now it is somebody's


@pytest.mark.parametrize(
    "what", [{"is_superuser": True}, {"is_active": False}, {"last_login": timezone.now()}]
)
def test_nobody_gets_a_link_to_an_account_of_somebody(browser, tenant, what) -> None:
    invite(browser, tenant)
    User.objects.filter(username="new").update(**what)
    password = User.objects.get(username="new").password

    assert invite(browser, tenant) == ""
    assert User.objects.get(username="new").password == password


@pytest.mark.parametrize("name", ["Anna", "ANNA"])
def test_nobody_is_invited_under_the_name_of_somebody_in_other_letters(browser, tenant, name):
    User.objects.create_user("anna")

    assert invite(browser, tenant, name) == ""
    assert not User.objects.filter(username=name).exists()


def test_nor_to_one_that_waits_in_a_tenant_of_others(browser, tenant) -> None:
    other, owner = make.tenant(), Client()
    owner.force_login(make.member(Role.ADMINISTRATOR, other))
    link = invite(owner, other)

    assert invite(browser, tenant) == ""
    assert set_password(link)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_others_invite_nobody(tenant, role) -> None:
    client = Client()
    client.force_login(make.member(role, tenant))

    assert client.get(PAGE).status_code == 403
    assert invite(client, tenant) == ""
    assert not User.objects.filter(username="new").exists()


def test_an_administrator_invites_to_no_tenant_of_others(browser) -> None:
    assert invite(browser, make.tenant()) == ""
    assert not User.objects.filter(username="new").exists()


@pytest.mark.parametrize(("address", "sent"), [("new@example.org", True), ("", False)])
def test_with_a_mail_server_the_link_is_sent_and_not_shown(
    browser, tenant, settings, address, sent
) -> None:
    settings.EMAIL = Email(host="mail.example.org", sender="archive@example.org")
    shown = invite(browser, tenant, email=address)

    assert bool(shown) is not sent
    assert len(mail.outbox) == sent
    if sent:
        assert mail.outbox[0].to == [address]
        assert set_password(re.search(r"http://testserver(\S+)", mail.outbox[0].body)[1])


def test_where_the_mail_server_is_away_the_link_is_shown(
    browser, tenant, settings, monkeypatch
) -> None:
    settings.EMAIL = Email(host="mail.example.org", sender="archive@example.org")

    def away(*_args, **_more) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr("accounts.sign_in.invitations.send_mail", away)
    assert set_password(invite(browser, tenant, email="new@example.org"))


def test_the_list_of_memberships_leads_there(browser) -> None:
    page = browser.get(reverse("admin:accounts_membership_changelist")).content.decode()
    assert f'href="{PAGE}"' in page


@pytest.mark.parametrize("when", ["before it is opened", "between opening and sending"])
def test_an_invitation_that_was_withdrawn_sets_no_password(browser, tenant, when) -> None:
    link, client = invite(browser, tenant), Client(headers={"accept-language": "ru"})
    form = client.get(link).url if when != "before it is opened" else link
    Membership.objects.filter(user__username="new").delete()

    opened = client.get(form)
    sent = client.post(form, {"password1": PASSWORD, "password2": PASSWORD})

    assert (opened.status_code, sent.status_code) == (403, 403)
    assert "Это приглашение отозвано" in opened.content.decode()
    assert not User.objects.get(username="new").has_usable_password()
    assert not set_password(link)
    assert not may_sign_in()


def test_who_is_invited_to_two_tenants_keeps_the_other(browser, tenant) -> None:
    link = invite(browser, tenant)
    user = User.objects.get(username="new")
    Membership.objects.create(user=user, tenant=make.tenant())
    Membership.objects.filter(user=user, tenant=tenant).delete()

    assert set_password(link)
