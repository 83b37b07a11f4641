"""How old is an export, and who writes in it: known before its first message is imported."""

import json
import random
from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.sources.export import survey
from media.sources.port import Chat
from tests.unit.exports import CHANNEL_ID, chat, message, photo, read, write
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
    def test_is_found_in_a_large_file_however_it_is_laid_out(self, tmp_path, monkeypatch, indent):
        monkeypatch.setattr(survey, "_CHUNK_BYTES", 300)
        messages = [message(n, text="слово " * 9) for n in range(1, 40)]
        messages[20]["edited_unixtime"] = "1790000000"
        content = json.dumps(chat(messages), ensure_ascii=False, indent=indent).encode()

        assert age_of(first_chat(tmp_path, content)) == "2026-09-21T14:13:20Z/0000000000039"

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

        found = survey.Survey(unix=latest, highest_id=3).as_of(UTC)
        assert age_of(first_chat(folder, whole)) == found

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
