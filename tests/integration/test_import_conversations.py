"""A chat in which people write to each other is not imported by mistake for a channel."""

import io
import json
import sys

import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import override

from media.models import Channel, ImportRun, Post
from tests.unit.exports import CHANNEL_ID, chat, message, write

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _in_english():
    with override("en"):
        yield


@pytest.fixture
def direct_messages(tmp_path):
    authors = ("user1", f"channel{CHANNEL_ID}", "user2")
    raws = [message(n, text="?", from_id=who) for n, who in enumerate(authors, start=1)]
    return write(tmp_path, chat(raws, type="public_supergroup", name="Личное"))


def run(folder, *options):
    out, err = io.StringIO(), io.StringIO()
    call_command("import_export", str(folder), *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_dry_run_warns_and_names_it(direct_messages):
    out, err = run(direct_messages, "--dry-run", "--json")

    assert json.loads(out)["conversations"] == {"Личное": 2}
    assert "“Личное” looks like a conversation: 2 people" in err
    assert not Channel.objects.exists()


def test_a_channel_is_not_asked_about(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal(""))

    out, err = run(write(tmp_path, chat([message(1, text="a")])), "--json")

    assert json.loads(out)["conversations"] == {}
    assert "conversation" not in err


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "maybe\n"])
def test_in_a_terminal_nothing_is_imported_without_a_yes(direct_messages, monkeypatch, answer):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))

    with pytest.raises(CommandError, match="nothing of “Личное” was imported") as refusal:
        run(direct_messages)

    assert refusal.value.returncode == 2
    assert not Channel.objects.exists()
    assert not Post.objects.exists()
    assert ImportRun.objects.get().finished_at is not None


@pytest.mark.parametrize(
    ("stdin", "options"),
    [
        (Terminal("y\n"), []),
        (Terminal("Yes\n"), []),
        (Terminal(""), ["--yes"]),
        (io.StringIO(), []),
    ],
    ids=["y", "Yes", "--yes", "no terminal"],
)
def test_it_is_imported_with_a_yes_or_where_nobody_can_be_asked(
    direct_messages, monkeypatch, stdin, options
):
    monkeypatch.setattr(sys, "stdin", stdin)

    _, err = run(direct_messages, *options)

    assert Post.objects.count() == 3
    assert "looks like a conversation" in err
    assert ImportRun.objects.get().summary["conversations"] == {"Личное": 2}
