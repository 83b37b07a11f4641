"""What nobody was shown is not marked as seen."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from search.management.commands import saved_search as command
from search.models import SearchMatch
from search.saved import keep
from search.saved.follow import index_and_match
from tests import factories as make

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]


@pytest.fixture
def channel():
    return make.channel()


@pytest.fixture
def anna(channel):
    return make.member("viewer", channel.tenant)


@pytest.fixture
def kept(anna):
    return keep.save(anna, "снег", now=timezone.now())


def match(channel) -> None:
    index_and_match([make.post(of=channel, content="снег").pk], now=timezone.now())


def unseen() -> int:
    return SearchMatch.objects.filter(seen_at__isnull=True).count()


def test_the_command_marks_what_it_shows(kept, anna, channel, monkeypatch):
    monkeypatch.setattr(command, "MOST_SHOWN", 2)
    for _ in range(5):
        match(channel)

    shown = []
    while unseen():
        out = StringIO()
        words = (
            "--as",
            anna.username,
            "matches",
            str(kept.pk),
            "--unseen",
            "--mark-seen",
            "--json",
        )
        call_command("saved_search", *words, stdout=out)
        shown += [one["post_id"] for one in json.loads(out.getvalue())["matches"]]

    assert len(shown) == len(set(shown)) == 5


@pytest.mark.parametrize(("said", "left"), [(None, 1), ("", 3), ("x", 3), ("9" * 500, 3)])
def test_the_console_marks_what_its_page_was_about(kept, anna, channel, said, left):
    client, address = Client(), f"/admin/saved-searches/{kept.pk}/"
    client.force_login(anna)
    match(channel)
    match(channel)
    page = client.get(address)
    match(channel)  # after the page was made

    client.post(address, {"up_to": page.context["newest"] if said is None else said})

    assert unseen() == left
