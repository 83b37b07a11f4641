"""Passwords as ASVS asks for them: what is accepted, what is refused, and that none is changed."""

import secrets

import pytest
from django.contrib.auth.password_validation import validate_password
from django.test import Client
from django.urls import reverse

from accounts.models import User
from telegram_assistant.management.commands import demo

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _cheap_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def owner() -> User:
    return User.objects.create_superuser("owner", password=PASSWORD)


@pytest.fixture
def change(owner):
    """The own password is changed in a browser that is signed in; returns whether it was."""
    client = Client()
    client.post(reverse("account_login"), {"login": "owner", "password": PASSWORD})

    def _(new: str, *, present: str = PASSWORD) -> bool:
        form = {"oldpassword": present, "password1": new, "password2": new}
        client.post(reverse("account_change_password"), form)
        owner.refresh_from_db()
        return owner.check_password(new)

    return _


@pytest.mark.parametrize(
    "new",
    [
        "zqwmxkvp",  # eight letters, nothing else
        "826194037512",  # digits alone
        "тихая гавань у моря",
        "🦊🦊🐢🐢🐙🐙🦀🦀🐝",
        " a space before and after ",
        "UPPER lower 123 !?*",
        secrets.token_urlsafe(150),  # 200 characters, of which none is left out
    ],
    ids=["letters", "digits", "words", "pictures", "spaces", "mixed", "long"],
)
def test_any_that_is_hard_to_guess_is_accepted_as_it_is(change, owner, new):
    assert change(new)
    assert not owner.check_password(new.strip() if new != new.strip() else new[:-1])
    assert not owner.check_password(new.swapcase()) or new == new.swapcase()


@pytest.mark.parametrize("new", ["zqwmxkv", "password", "iloveyou1", "qwertyuiop"])
def test_short_and_well_known_ones_are_refused(change, new):
    assert not change(new)


@pytest.mark.parametrize("present", ["", "wrong", PASSWORD.upper(), PASSWORD + " "])
def test_the_present_one_is_asked_for(change, present):
    assert not change("zqwmxkvp-2", present=present)


def test_another_case_and_another_space_do_not_sign_in(owner):
    for wrong in (PASSWORD.upper(), f" {PASSWORD}", f"{PASSWORD} ", PASSWORD[:-1]):
        client = Client()
        client.post(reverse("account_login"), {"login": "owner", "password": wrong})
        assert client.get("/admin/").status_code == 302


def test_the_door_asks_for_no_hint(owner):
    page = Client().get(reverse("account_login")).content.decode()

    assert 'type="password"' in page
    assert "hint" not in page.lower()
    assert "onpaste" not in page.lower()


@pytest.mark.parametrize("deployed", [True, False])
def test_the_demo_draws_a_password_on_one_machine_only(settings, deployed):
    settings.DEPLOYED = deployed

    password = demo._ensure_admin()

    assert (password is None) == deployed
    assert User.objects.filter(username="admin").exists() != deployed
    if password:
        validate_password(password)
        assert len(password) >= 16
