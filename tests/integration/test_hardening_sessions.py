"""The key of a session: a new one whenever somebody proves who he is, and none that outlives its end."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from accounts.sign_in import sessions

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

PASSWORD = "correct horse battery staple"
CONSOLE = "/admin/"


@pytest.fixture
def owner() -> User:
    return User.objects.create_superuser("owner", password=PASSWORD)


@pytest.fixture
def browser_of(owner):
    def sign_in(client: Client | None = None) -> Client:
        client = client or Client()
        client.post(reverse("account_login"), {"login": "owner", "password": PASSWORD})
        assert client.get(CONSOLE).status_code == 200
        return client

    return sign_in


def key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def thief(key: str) -> Client:
    """Somebody else's browser with that key."""
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    return client


def test_keys_are_new_each_time_and_nobody_guesses_one(browser_of):
    keys = {key_of(browser_of()) for _ in range(3)}

    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)  # of 36 characters: 165 bits


def test_a_key_that_somebody_else_set_before_is_not_the_one_of_the_session(browser_of):
    planted = Client()
    session = planted.session
    session["anything"] = 1
    session.save()
    before = session.session_key
    planted.cookies[settings.SESSION_COOKIE_NAME] = before

    browser_of(planted)

    assert key_of(planted) != before
    assert thief(before).get(CONSOLE).status_code == 302


def test_confirming_who_one_is_gives_a_new_key_and_ends_the_old_one(browser_of):
    client = browser_of()
    before = key_of(client)

    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})

    assert key_of(client) != before
    assert client.get(CONSOLE).status_code == 200
    assert thief(before).get(CONSOLE).status_code == 302
    assert not Session.objects.filter(pk=before).exists()
    assert [one.session_key for one in UserSession.objects.all()] == [key_of(client)]


def test_a_wrong_confirmation_changes_nothing(browser_of):
    client = browser_of()
    before = key_of(client)

    client.post(reverse("account_reauthenticate"), {"password": "wrong"})

    assert key_of(client) == before
    assert client.get(CONSOLE).status_code == 200


def test_a_key_ends_with_signing_out_also_where_it_was_copied_to(browser_of):
    client = browser_of()
    copied = key_of(client)

    answer = client.post(reverse("account_logout"))

    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert thief(copied).get(CONSOLE).status_code == 302
    assert not Session.objects.filter(pk=copied).exists()


def test_an_account_that_is_closed_is_refused_with_its_next_request(browser_of, owner):
    client = browser_of()

    User.objects.filter(pk=owner.pk).update(is_active=False)

    assert client.get(CONSOLE).status_code == 302
    assert client.get("/api/v1/vision/posts").status_code in {401, 403}


def test_every_cookie_of_signing_in_is_tied_to_this_host(owner, settings):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    client = Client()

    form = {"login": "owner", "password": PASSWORD}
    client.post(reverse("account_login"), form, secure=True)

    assert len(client.cookies) >= 3
    for name, cookie in client.cookies.items():
        assert name.startswith(("__Host-", "__Secure-")), name
        assert cookie["secure"], name
        assert cookie["httponly"], name
        assert cookie["path"] == "/" or name.startswith("__Secure-"), name


class TestIdle:
    """A session that nobody uses ends, and nothing wakes it again."""

    def unused_for(self, client: Client, minutes: float) -> UserSession:
        rows = UserSession.objects.filter(session_key=key_of(client))
        rows.update(last_seen_at=timezone.now() - timedelta(minutes=minutes))
        sessions.lately._seen.clear()  # a process notes a use once a minute
        return rows.get()

    def with_limit(self, settings, minutes: int) -> None:
        settings.SIGN_IN = settings.SIGN_IN.model_copy(update={"idle_minutes": minutes})

    @pytest.mark.parametrize(
        ("limit", "unused", "ends"),
        [(30, 31, True), (30, 29, False), (4320, 4321, True), (0, 20_000, False)],
    )
    def test_it_ends_after_the_limit_whatever_is_asked_for(
        self, browser_of, settings, limit, unused, ends
    ):
        self.with_limit(settings, limit)
        browser = browser_of()
        self.unused_for(browser, unused)
        stolen = thief(key_of(browser))

        assert stolen.get("/api/v1/posts").status_code == (401 if ends else 200)
        assert browser.get(CONSOLE).status_code == (302 if ends else 200)
        assert Session.objects.exists() is not ends
        assert AuditEntry.objects.filter(event="session.ended").exists() is ends

    def test_each_use_begins_the_time_anew(self, browser_of, settings):
        self.with_limit(settings, 30)
        browser = browser_of()
        for _ in range(3):
            self.unused_for(browser, 20)
            assert browser.get(CONSOLE).status_code == 200

    def test_it_is_not_listed_and_pruning_leaves_no_key_that_works(self, browser_of, settings):
        self.with_limit(settings, 30)
        browser, other = browser_of(), browser_of()
        self.unused_for(browser, 31)
        owner = User.objects.get()

        assert [row.session_key for row in sessions.of(owner)] == [key_of(other)]
        assert sessions.forget_ended(now=timezone.now()) == 1
        assert browser.get(CONSOLE).status_code == 302
        assert other.get(CONSOLE).status_code == 200
