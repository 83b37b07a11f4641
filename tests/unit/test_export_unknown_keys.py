"""Keys that no version knew so far: kept, counted, never taken for text; nothing else changes."""

import json
import random
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.sources.export.messages.convert import convert
from media.sources.export.messages.known_keys import kinds_of
from media.sources.port import Chat, Message, UnknownKey
from tests.examples import examples
from tests.unit.exports import chat, message, read, read_messages, read_one, write
from tests.unit.test_export_real_data import FILMS, SHOP, TELEGRAM
from tests.unit.test_export_rich import plain, rich, shuffled

TEXT = [plain("Смотрите "), {"type": "text_link", "text": "тут", "href": "https://e.org"}]
FULL = message(
    7,
    text=TEXT,
    text_entities=TEXT,
    author="Редактор",
    poll={"question": TEXT, "closed": False, "total_voters": 3,
          "answers": [{"text": "а", "voters": 2}, {"text": TEXT, "voters": 1, "chosen": True}]},
    todo_list={"title": "Дела", "answers": [{"text": "раз", "id": 1}], "others_can_append": True},
    location_information={"latitude": 1.5, "longitude": 2},
    invoice_information={"title": "Счёт", "amount": 5, "currency": "RUB"},
    giveaway_information={"quantity": 1, "channels": [5], "countries": ["RU"]},
    inline_bot_buttons=[[{"type": "url", "text": "Читать", "data": "https://b.example"}]],
    reactions=[{"type": "emoji", "emoji": "🔥", "count": 2, "recent": [{"from": "Иван"}]}],
    file="files/a.pdf", file_name="a.pdf", mime_type="application/pdf",
)  # fmt: skip
RICH = rich(
    {"type": "paragraph", "text": {"type": "concat", "text": [plain("до "), {"type": "bold", "text": plain("да")}]}},
    {"type": "list", "items": [{"content": "blocks", "blocks": [{"type": "footer", "text": plain("низ")}]}]},
    {"type": "table", "title": {"type": "empty"}, "rows": [{"cells": [{"text": plain("1"), "align": "left"}]}]},
    {"type": "photo", "photo_skip_reason": "file_type", "caption": {"text": plain("п"), "credit": {"type": "empty"}}},
    {"type": "button_row", "buttons": [{"text": plain("К"), "button": {"type": "url", "url": "https://b.example"}}]},
)  # fmt: skip
NOT_LOOKED_INTO = {"recent", "contact_information", "channels", "countries"}


def objects_of(value, name=""):
    """Every object of a message that is looked into."""
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            if key not in NOT_LOOKED_INTO:
                yield from objects_of(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from objects_of(inner, name)


def converted(raw):
    return convert(raw, zone=UTC, size_of=lambda _: None).finish(None)


def without_unknown(post):
    extra = {key: value for key, value in post.extra.items() if key != "unknown"}
    return (post.text, post.links, post.mentions, post.hashtags, post.attachments, post.reactions,
            extra, post.posted_at, post.author)  # fmt: skip


@pytest.mark.parametrize("raw", [FULL, RICH])
def test_nothing_is_unknown_in_what_telegram_writes_today(tmp_path, raw):
    post = read_one(tmp_path, raw)

    assert (post.unknown, "unknown" in post.extra) == ((), False)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["text", "blocks", "слово", "#тег"]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["type", "text", "href", "zz"]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=examples(150))
@given(data=st.data())
def test_unknown_keys_at_any_depth_and_any_order_of_keys_change_nothing(data):
    original = data.draw(st.sampled_from([FULL, RICH]))
    expected = without_unknown(converted(original))
    raw = json.loads(json.dumps(original))  # no object stands in two places
    places = list(objects_of(raw))
    kept = []
    for number in range(data.draw(st.integers(1, 4))):
        value = data.draw(VALUES.filter(lambda value: value is not None))
        data.draw(st.sampled_from(places))[f"new_{number}"] = value
        kept.append((f"new_{number}", value))
    raw = shuffled(raw, random.Random(data.draw(st.integers(0, 2**32))))

    post = converted(raw)

    assert without_unknown(post) == expected
    unknown = [(place.rsplit(".", 1)[-1], value) for place, value in post.extra["unknown"].items()]
    assert sorted(unknown, key=repr) == sorted(kept, key=repr)
    assert post.unknown == kinds_of(post.extra["unknown"])


def test_places_are_named_one_by_one_and_counted_together(tmp_path):
    answers = [{"text": "а", "photo": "p1"}, {"text": "б", "photo": "p2"}]
    post = read_one(tmp_path, message(1, poll={"question": "?", "answers": answers}))

    assert post.extra["unknown"] == {"poll.answers[0].photo": "p1", "poll.answers[1].photo": "p2"}
    assert post.unknown == ("poll.answers[].photo",)


def test_a_text_that_looks_like_json_is_a_text(tmp_path):
    post = read_one(tmp_path, message(1, text='{"brand": "new"}', text_entities=[]))

    assert (post.text, post.unknown) == ('{"brand": "new"}', ())


def test_nobody_is_named_by_what_is_kept(tmp_path):
    people = {"first_name": "Иван", "phone_number": "+7999", "brand_new": "тайна"}
    post = read_one(tmp_path, message(1, contact_information=people))

    assert (post.extra, post.unknown) == ({"contact": True}, ())


def test_an_unknown_value_that_no_column_holds_costs_no_post(tmp_path):
    raw = chat([message(1, new={"a\x00": ["\ud800"]})])
    _, post = read(write(tmp_path, json.dumps(raw).encode()))

    assert post.extra["unknown"] == {"new": {"a\ufffd": ["\ufffd"]}}


def test_unknown_keys_of_the_chat_are_named_and_not_read(tmp_path):
    content = {"theme": {"a": 1}} | chat([message(1)]) | {"boosts": [1] * 50}

    records = read(write(tmp_path, content))

    assert [type(record) for record in records] == [Chat, Message, UnknownKey, UnknownKey]
    assert [record.place for record in records[2:]] == ["chat.theme", "chat.boosts"]


def test_what_an_account_holds_beside_its_chats_is_not_unknown(tmp_path):
    private = {"about": "", "personal_information": {"phone_number": "+7999"}, "contacts": {}}
    account = private | {"chats": {"about": "", "list": [chat([message(1)])]}, "new_section": {}}

    records = read(write(tmp_path, account))

    assert [r.place for r in records if isinstance(r, UnknownKey)] == ["chat.new_section"]


def test_endless_unknown_keys_are_not_all_remembered(tmp_path):
    content = chat([message(1)]) | {f"new_{n}": 1 for n in range(3000)}

    assert len(read(write(tmp_path, content))) == 2 + 1000


@pytest.mark.real_data
@pytest.mark.skipif(not TELEGRAM.is_dir(), reason=f"REAL DATA ARE NOT THERE: {TELEGRAM}")
@pytest.mark.parametrize("folder", [FILMS, SHOP])
def test_nothing_in_real_exports_is_unknown(folder):
    posts = [record for record in read(folder) if isinstance(record, Message)]

    assert {place for post in posts for place in post.unknown} == set()


def test_a_message_of_the_sample_stays_json(tmp_path):
    (post,) = [r for r in read_messages(tmp_path, [FULL | {"new": 1}]) if isinstance(r, Message)]

    assert json.loads(json.dumps(post.extra)) == post.extra
