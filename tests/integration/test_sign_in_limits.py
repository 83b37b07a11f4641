"""Guessing passwords: how many guesses are checked, and how the owner gets in all the same."""

from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, SignInLimit, User
from accounts.sign_in import limits
from accounts.sign_in.limits import Lane, TooManyGuesses
from tests.concurrency import run_together

PASSWORD = "correct horse battery staple"
LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _cheap_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def clock(monkeypatch):
    """The time as signing in sees it; `pass_` lets it pass."""

    class Clock:
        now = timezone.now()

        def pass_(self, **by):
            self.now += timedelta(**by)

    clock = Clock()
    monkeypatch.setattr("accounts.sign_in.attempts.timezone.now", lambda: clock.now)
    return clock


@pytest.fixture
def checked(monkeypatch):
    """Which passwords were really compared with a hash."""
    seen = Counter()
    verify = MD5PasswordHasher.verify

    def counted(self, password, encoded):
        seen[password] += 1
        return verify(self, password, encoded)

    monkeypatch.setattr(MD5PasswordHasher, "verify", counted)
    return seen


@pytest.fixture
def owner(db):
    return User.objects.create_user("owner", password=PASSWORD, is_staff=True, is_superuser=True)


def guess(password, *, name="owner", address="198.51.100.7", client=None):
    return (client or Client()).post(
        LOGIN, {"login": name, "password": password}, REMOTE_ADDR=address
    )


class TestOneAddress:
    def test_of_a_thousand_guesses_at_once_five_are_checked(self, owner, clock, checked):
        client = Client()

        answers = Counter(guess(f"wrong {n}", client=client).status_code for n in range(1000))

        assert sum(checked.values()) == 5
        assert answers == {200: 5, 429: 995}
