"""How old is an export, and who writes in it: known before its first message is imported."""

import json
import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.sources.port import Chat, Problem
from tests.unit.exports import CHANNEL_ID, NOW, chat, message, photo, read, write
from tests.unit.test_export_chats import account


def first_chat(folder, content, **options) -> Chat:
    return next(r for r in read(write(folder, content), **options) if isinstance(r, Chat))


def age_of(found: Chat) -> str:
    """Without the number of the way in which it is read."""
    return found.as_of.rpartition("/")[0]


def old(number, date, **fields):
    made = message(number, date=date, **fields)
    del made["date_unixtime"]
    return made


class TestAge:
    @pytest.mark.parametrize(
        ("messages", "as_of"),
        [
            ([message(1), message(2)], "2026-06-19T11:26:52Z/0000000000002"),
            ([message(1, edited_unixtime="1781869999"), message(2)], "2026-06-19T11:53:19Z/0000000000002"),
            ([message(7, date_unixtime=1781868410)], "2026-06-19T11:26:50Z/0000000000007"),
            ([photo(9), {"id": 10, "type": "unsupported"}], "2026-06-19T11:26:50Z/0000000000010"),
            ([message(3) | {"type": "service", "action": "pin_message"}], "2026-06-19T11:26:53Z/0000000000003"),
            ([old(1, "2019-03-01T10:00:00", edited="1970-01-01T00:00:00")], "2019-03-01T10:00:00Z/0000000000001"),
            ([message(-999_999_990, date_unixtime="781868420")], "1994-10-11T09:40:20Z/0000000000000"),
            ([], ""),
        ],
    )  # fmt: skip
    def test_is_the_latest_date_or_edit_and_then_the_highest_id(self, tmp_path, messages, as_of):
        assert age_of(first_chat(tmp_path, chat(messages))) == as_of

    def test_dates_without_a_zone_are_those_of_the_exporting_computer(self, tmp_path):
        zone = timezone(timedelta(hours=3))

        found = first_chat(tmp_path, chat([old(1, "2019-03-01T10:00:00")]), zone=zone)

        assert found.as_of.startswith("2019-03-01T07:00:00Z")

    @pytest.mark.parametrize(
        "text",
        ['"date_unixtime": "1999999999"', '\\"edited_unixtime\\": \\"1999999999\\"', '"id": 99,'],
    )
    def test_what_stands_in_a_text_is_no_date(self, tmp_path, text):
        plain, quoting = (
            first_chat(tmp_path, chat([message(1, text=said)])) for said in ("", text)
        )

        assert plain.as_of == quoting.as_of

    def test_ages_sort_as_text(self, tmp_path):
        ages = [
            first_chat(tmp_path, chat([message(number, date_unixtime=unix)])).as_of
            for unix, number in (("999999999", 5), ("1000000000", 5), ("1000000000", 10))
        ]

        assert ages == sorted(ages)

    @pytest.mark.parametrize("indent", [None, 1, 7])
    def test_is_found_in_a_large_file_however_it_is_laid_out(self, tmp_path, indent):
        messages = [message(n, text="слово " * 9) for n in range(1, 40)]
        messages[20]["edited_unixtime"] = "1790000000"
        content = json.dumps(chat(messages), ensure_ascii=False, indent=indent).encode()

        found = first_chat(tmp_path, content, chunk_bytes=300)

        assert age_of(found) == "2026-09-21T14:13:20Z/0000000000039"

    @given(st.integers(0, 2**32))
    def test_the_order_of_keys_and_messages_does_not_matter(self, tmp_path_factory, seed):
        chance = random.Random(seed)
        messages = [
            message(n, edited_unixtime=str(1781868410 + chance.randrange(99))) for n in (1, 2, 3)
        ]
        messages = chance.sample(messages, 3)
        mixed = [dict(chance.sample(list(m.items()), len(m))) for m in messages]
        whole = chat(mixed)
        whole = dict(chance.sample(list(whole.items()), len(whole)))
        folder = tmp_path_factory.mktemp("export")

        latest = max(int(m[key]) for m in mixed for key in ("date_unixtime", "edited_unixtime"))

        at = datetime.fromtimestamp(latest, UTC)
        assert age_of(first_chat(folder, whole)) == f"{at:%Y-%m-%dT%H:%M:%SZ}/0000000000003"

    def test_a_truncated_file_is_as_old_as_what_is_left(self, tmp_path):
        content = json.dumps(chat([message(n) for n in range(1, 20)]), indent=1).encode()

        found = first_chat(tmp_path, content[: len(content) // 2])

        assert "2026-06-19T11:26:51Z" < found.as_of < "2026-06-19T11:27:05Z"

    def test_each_chat_of_an_account_has_an_age_of_its_own(self, tmp_path):
        personal = chat([message(500, date_unixtime="1999999999")], type="personal_chat", id=5)
        chats = [chat([message(1)]), personal, chat([message(8)], id=77)]

        found = read(write(tmp_path, account(*chats[:2], left=chats[2:])))

        ages = [age_of(record) for record in found if isinstance(record, Chat)]
        assert ages == ["2026-06-19T11:26:51Z/0000000000001", "2026-06-19T11:26:58Z/0000000000008"]


FUTURE = {
    key: value
    for name in ("date", "edited")
    for key, value in ((name, "2026-11-30T00:00:00"), (f"{name}_unixtime", "1795996800"))
} | {"id": 999, "from_id": "user9"}
"""Would make an export newer, if it counted; before the time at which the tests read."""
DATE_IN_TEXT = {"type": "formatted_date", "text": {"type": "plain", "text": "30 ноября"}}
NESTED = {
    "a date in a text": {"rich_message": {"blocks": [
        {"type": "paragraph", "text": {"type": "concat", "text": [DATE_IN_TEXT | FUTURE]}},
    ]}},
    "the date of an author": {"rich_message": {"blocks": [{"type": "author_date"} | FUTURE]}},
    "an embedded post": {"rich_message": {"blocks": [{"type": "embed_post", "blocks": []} | FUTURE]}},
    "who reacted": {"reactions": [{"type": "emoji", "count": 1, "emoji": "👍", "recent": [FUTURE]}]},
    "tasks": {"todo_list": {"title": "x", "answers": [{"text": "a"} | FUTURE]}},
    "something unknown": {"zz": FUTURE},
    "messages of a message": {"messages": [message(999) | FUTURE]},
    "an object written as a string": {"rich_message": json.dumps({"blocks": [FUTURE]})},
}  # fmt: skip
PLAIN_AGE = "2026-06-19T11:26:52Z/0000000000002"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just(FUTURE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FUTURE, "messages", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


class TestOnlyMessagesCount:
    @pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
    def test_what_stands_inside_of_one_is_no_age(self, tmp_path, nested):
        found = first_chat(tmp_path, chat([message(1, **nested), message(2)]))

        assert (age_of(found), found.people) == (PLAIN_AGE, 0)

    @pytest.mark.costly
    @given(nested=anything, outside=anything, seed=st.integers(0, 2**32))
    @settings(max_examples=30)
    def test_at_any_depth_and_beside_the_messages(self, tmp_path_factory, nested, outside, seed):
        raw = message(1, zz=nested, text_entities=[nested], reactions=[{"recent": nested}])
        raw = dict(random.Random(seed).sample(list(raw.items()), len(raw)))
        whole = chat([raw, message(2)], zz=outside)
        whole = dict(random.Random(seed).sample(list(whole.items()), len(whole)))

        found = first_chat(tmp_path_factory.mktemp("export"), whole, chunk_bytes=99)

        assert age_of(found) == PLAIN_AGE

    @pytest.mark.parametrize(
        "refused",
        [
            {"id": "bad"}, {"id": None}, {"id": True}, {"id": 2**40},
            {"date_unixtime": "soon"}, {"date_unixtime": {}}, {"date": "", "date_unixtime": ""}, {"date": [], "date_unixtime": None},
        ],
    )  # fmt: skip
    def test_one_that_is_refused_does_not(self, tmp_path, refused):
        raw = message(1) | FUTURE | refused

        found = read(write(tmp_path, chat([message(2), raw])))

        assert age_of(found[0]) == PLAIN_AGE
        assert [r.code for r in found if isinstance(r, Problem)] == ["invalid_message"]

    @pytest.mark.parametrize("key", ["date_unixtime", "edited_unixtime"])
    def test_a_date_after_the_import_does_not(self, tmp_path, key):
        def age(*, days):
            unix = str(int((NOW + timedelta(days=days)).timestamp()))
            return age_of(first_chat(tmp_path, chat([message(2), message(1, **{key: unix})])))

        assert age(days=1) == "2026-12-02T00:00:00Z/0000000000002"
        assert age(days=1.001) == age(days=40_000) == PLAIN_AGE

    def test_a_local_date_after_the_import_does_not(self, tmp_path):
        raws = [old(2, "2019-03-01T10:00:00"), old(1, "2026-12-03T00:00:00")]

        assert age_of(first_chat(tmp_path, chat(raws))) == "2019-03-01T10:00:00Z/0000000000002"

    def test_a_key_is_found_however_it_is_escaped(self, tmp_path):
        content = json.dumps(chat([message(1), message(2)])).replace("_unix", "\\u005funix")

        assert age_of(first_chat(tmp_path, content.encode())) == PLAIN_AGE


def said_by(*authors, **header):
    return chat([message(n, from_id=who) for n, who in enumerate(authors, start=1)], **header)


CHANNEL = f"channel{CHANNEL_ID}"
GROUP = {"type": "public_supergroup"}


class TestConversation:
    @pytest.mark.parametrize(
        ("content", "people", "conversation"),
        [
            (said_by(CHANNEL, CHANNEL), 0, False),
            (said_by(CHANNEL, "user1", "user2", "user3"), 3, False),  # admins who show themselves
            (said_by(CHANNEL, *(f"user{n}" for n in range(10))), 10, True),
            (said_by(CHANNEL, "user1", CHANNEL, **GROUP), 1, True),  # direct messages
            (said_by("user1", "user2", **GROUP), 2, True),
            (said_by("user1", "user1", **GROUP), 1, False),  # one who keeps a diary
            (said_by(CHANNEL_ID, CHANNEL_ID, 5, **GROUP), 1, True),  # numbers before 2021
            (said_by(CHANNEL_ID, CHANNEL_ID), 0, False),
            (said_by(CHANNEL_ID + 2**33, id=CHANNEL_ID + 2**33), 0, False),
        ],
    )
    def test_is_seen_by_how_many_people_write(self, tmp_path, content, people, conversation):
        found = first_chat(tmp_path, content)

        assert (found.people, found.resembles_conversation) == (people, conversation)

    def test_is_seen_in_an_account_as_well(self, tmp_path):
        content = account(said_by(CHANNEL), said_by(CHANNEL, "user1", "user2", id=77, **GROUP))

        found = [r for r in read(write(tmp_path, content)) if isinstance(r, Chat)]

        assert [c.resembles_conversation for c in found] == [False, True]

    @pytest.mark.real_data
    def test_no_real_channel_is_taken_for_one(self, shared_data):
        exports = sorted((shared_data / "telegram").glob("*/ChatExport*"))

        found = [next(r for r in read(path) if isinstance(r, Chat)) for path in exports]

        assert found
        assert not any(chat.resembles_conversation for chat in found)
