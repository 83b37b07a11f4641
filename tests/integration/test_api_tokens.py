"""Tokens of the API are made in the console, and stand in no list, message or action log."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from rest_framework.authtoken.models import Token

from accounts.models import User
from tests.factories import staff

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

ADD = reverse("admin:authtoken_tokenproxy_add")
LIST = reverse("admin:authtoken_tokenproxy_changelist")
EVERYTHING = [f"authtoken.{verb}_tokenproxy" for verb in ("add", "view", "delete")]


def page_of(token):
    return reverse("admin:authtoken_tokenproxy_change", args=[token.user_id])


@pytest.fixture
def bob():
    return User.objects.create_user("bob")


@pytest.fixture
def root(client):
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_a_new_token_is_shown_on_its_page(root, bob):
    answer = root.post(ADD, {"user": bob.pk})

    token = Token.objects.get(user=bob)
    assert answer["Location"] == page_of(token)
    assert token.key in root.get(answer["Location"]).content.decode()


def test_keys_stay_out_of_lists_messages_and_the_action_log(root, bob):
    root.post(ADD, {"user": bob.pk})
    token = Token.objects.get(user=bob)

    assert token.key not in str(root.cookies)
    assert token.key not in root.get(LIST).content.decode()
    root.post(reverse("admin:authtoken_tokenproxy_delete", args=[bob.pk]), {"post": "yes"})

    assert not Token.objects.exists()
    assert token.key not in root.get(LIST).content.decode()
    assert list(LogEntry.objects.values_list("object_repr", flat=True)) == ["bob", "bob"]


def test_nobody_takes_the_token_of_a_greater_one(client, bob):
    operator, boss = staff(*EVERYTHING), User.objects.create_superuser("boss")
    theirs = Token.objects.create(user=boss)
    client.force_login(operator)

    assert client.post(ADD, {"user": User.objects.create_superuser("b2").pk}).status_code == 200
    assert Token.objects.count() == 1
    assert client.get(page_of(theirs)).status_code == 302
    assert theirs.key[-4:] not in client.get(LIST).content.decode()
    assert client.post(ADD, {"user": bob.pk}).status_code == 302
    assert client.post(ADD, {"user": operator.pk}).status_code == 302
