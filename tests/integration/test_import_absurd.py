"""Whatever stands in a message, the others come in, and what was absurd is named."""

import json
import math
import os
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts import tenants
from events.models import OutboxEvent
from media.models import ImportProblem, ImportRun, MediaObject, Post
from media.posts import post_row
from media.services import imports
from media.sources.export import ExportSource
from media.sources.export.messages.schema import (
    RawMessage,
    RawPoll,
    RawReaction,
    RawService,
    RawTodoList,
)
from tests.unit.exports import chat, message, write

pytestmark = pytest.mark.django_db(transaction=True)

EDGES = [
    sign * (2**power + step)
    for power in (7, 15, 16, 31, 32, 40, 53, 63, 64, 70, 1000)
    for sign in (1, -1)
    for step in (-1, 0, 1)
]
SHAPED = st.sampled_from(
    [
        "", "0", "-1", "nan", "inf", "9" * 12, "9" * 4000, "x" * 70_000, "\x00", "\ud800", "a\udc80b",
        "../..", "/etc/passwd", "photos/", "channel999999999999", "channel" + "9" * 30, "user1",
        "1970-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "true",
        "message", "service", "💥" * 300, "(File not included.)", math.pi, 1e308, -1e308, 5e-324, -0.0,
        True, False, None, [], {}, [[]], [None], [{}],
    ]
)  # fmt: skip
ABSURD = st.recursive(
    SHAPED | st.sampled_from(EDGES) | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "type", "blocks", "answers", "question", "count", "href"])
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
FIELDS = sorted(RawMessage.model_fields | RawService.model_fields)
NESTED = {
    "poll": RawPoll, "todo_list": RawTodoList, "reactions": RawReaction,
}  # fmt: skip


@st.composite
def absurd_messages(draw) -> dict:
    """A message whose id, and up to four other fields, may be anything at all."""
    raw = message(2) | draw(st.dictionaries(st.sampled_from(FIELDS), ABSURD, max_size=4))
    for field, model in NESTED.items():
        if draw(st.integers(0, 5)) == 0:
            inner = draw(st.dictionaries(st.sampled_from(sorted(model.model_fields)), ABSURD))
            raw[field] = [inner] if field == "reactions" else inner
    return raw


def run(folder: Path) -> imports.ImportSummary:
    source = ExportSource(folder, zone=UTC)
    return imports.import_export(source=source, path=folder, tenant=tenants.default_tenant())


def neighbors() -> set[str]:
    found = Post.objects.filter(content__startswith="neighbor ")
    return set(found.values_list("content", flat=True))


@settings(max_examples=40)
@given(absurd=st.lists(absurd_messages() | ABSURD, min_size=1, max_size=12))
def test_no_value_of_any_field_stops_another_message(tmp_path_factory, absurd):
    Post.objects.all().delete()
    ImportProblem.objects.all().delete()
    between = [message(10**6 + n, text=f"neighbor {n}") for n in range(len(absurd) + 1)]
    mixed = [between[0]]
    for strange, sane in zip(absurd, between[1:], strict=True):
        mixed += [strange, sane]
    folder = write(tmp_path_factory.mktemp("absurd"), json.dumps(chat(mixed)).encode())

    summary = run(folder)

    taken = [raw.get("id") for raw in absurd if isinstance(raw, dict)]
    expected = {raw["text"] for raw in between if raw["id"] not in taken}
    assert expected <= neighbors()
    assert ImportProblem.objects.count() == summary.counts["problems"]
    imported = sum(summary.counts[name] for name in ("messages", "service", "unsupported"))
    invalid = [p for p in summary.problems if p.code == "invalid_message"]
    assert imported + len(invalid) == len(mixed), "each message is imported or named"
    assert all(p.detail.startswith("result.json, near byte ") for p in invalid)


@pytest.mark.parametrize("absurd_id", [2**70, -(2**70), 2**63, 10**4000, "12", None, 1.5, True])
def test_an_id_that_no_column_holds_is_that_messages_problem(tmp_path, absurd_id):
    folder = write(tmp_path, chat([message(1), message(2) | {"id": absurd_id}, message(3)]))

    summary = run(folder)

    assert set(Post.objects.values_list("telegram_message_id", flat=True)) == {1, 3}
    problem = ImportProblem.objects.get()
    assert (problem.code, problem.message_id) == ("invalid_message", None)
    assert problem.detail.startswith("result.json, near byte ")
    if isinstance(absurd_id, int) and abs(absurd_id) > 1:
        assert str(absurd_id)[:40] in problem.detail
    assert summary.counts["problems"] == 1
    assert ImportRun.objects.get().summary["problems"] == 1


def test_what_only_an_event_or_the_database_refuses_costs_its_message_only(tmp_path, monkeypatch):
    """Whichever check the reader forgets: a message that cannot be written stays alone."""
    whole = post_row.build

    def forgetful(channel, parsed):
        row = whole(channel, parsed)
        spoiled = {2: ("views_count", -1), 4: ("content", "\ud800"), 6: ("reactions_count", 2**70),
                   8: ("reply_to_message_id", 2**64)}  # fmt: skip
        if found := spoiled.get(row.telegram_message_id):
            setattr(row, *found)
        return row

    monkeypatch.setattr(post_row, "build", forgetful)
    folder = write(tmp_path, chat([message(n, text=str(n)) for n in range(1, 10)]))

    summary = run(folder)

    assert set(Post.objects.values_list("telegram_message_id", flat=True)) == {1, 3, 5, 7, 9}
    assert sorted(ImportProblem.objects.values_list("code", "message_id")) == [
        ("unstorable", n) for n in (2, 4, 6, 8)
    ]
    assert OutboxEvent.objects.filter(topic="posts.parsed").count() == 5
    assert summary.counts["new"] == 5


def recording(title: str) -> bytes:
    """Half a second of an MP3 with this title."""

    def size(number: int) -> bytes:
        return bytes((number >> shift) & 0x7F for shift in (21, 14, 7, 0))

    text = b"\x03" + title.encode("utf-8", "surrogatepass")
    frame = b"TIT2" + size(len(text)) + b"\0\0" + text
    silence = b"\xff\xfb\x90\x00" + b"\0" * 413
    return b"ID3\x04\0\0" + size(len(frame)) + frame + 20 * silence


@pytest.mark.parametrize("odd", ["\uffff", "\ufffe", "\ud800", "\x01"])
def test_a_title_that_xml_does_not_know_stops_no_other_message(tmp_path, odd):
    (tmp_path / "song.mp3").write_bytes(recording(f"a{odd}b"))
    song = message(1) | {"file": "song.mp3", "media_type": "audio_file"}
    folder = write(tmp_path, chat([song, message(2, text="neighbor 2")]))

    summary = run(folder)

    assert neighbors() == {"neighbor 2"}
    assert Post.objects.get(telegram_message_id=1).media_state == "stored"
    assert MediaObject.objects.get().mime == "audio/mpeg"
    assert summary.clean


def test_a_problem_in_a_file_whose_name_is_no_unicode_is_told(tmp_path):
    written = write(tmp_path, chat([{"id": 1, "type": "message"}, message(2, text="neighbor 2")]))
    file = (written / "result.json").rename(tmp_path / os.fsdecode(b"\xff.json"))

    summary = run(file)

    assert neighbors() == {"neighbor 2"}
    assert ImportProblem.objects.get().detail.startswith("\ufffd.json, near byte ")
    assert json.dumps([p.detail for p in summary.problems], ensure_ascii=False).encode()
