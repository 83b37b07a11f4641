import json

import pytest

from media.sources.port import Chat, Message, Problem, SkippedChat, SourceRefused
from tests.unit.exports import chat, message, read, write

PERSONAL = {"user_id": 1, "first_name": "Secret", "phone_number": "+7 999 000-00-00"}


def account(*chats, left=()):
    return {
        "about": "Here is the data you requested.",
        "personal_information": PERSONAL,
        "contacts": {"about": "", "list": [PERSONAL]},
        "chats": {"about": "", "list": list(chats)},
        "left_chats": {"about": "", "list": list(left)},
    }


def outline(records):
    return [r.title if isinstance(r, Chat) else getattr(r, "message_id", r) for r in records]


def test_a_single_chat_comes_before_its_messages(tmp_path):
    first, second = read(write(tmp_path, chat([message(7)])))

    assert first == Chat(-1002447843635, "public_channel", "Канал")
    assert second.message_id == 7


def test_a_short_id_is_marked_as_telethon_marks_it(tmp_path):
    (found,) = read(write(tmp_path, chat([], id=1234)))

    assert found.tg_channel_id == -1000000001234


@pytest.mark.parametrize("kind", ["public_channel", "public_supergroup"])
def test_public_channels_and_supergroups_are_read(tmp_path, kind):
    assert read(write(tmp_path, chat([], type=kind)))[0].kind == kind


@pytest.mark.parametrize("kind", ["private_channel", "private_supergroup"])
def test_private_ones_are_read_only_when_asked_for(tmp_path, kind):
    write(tmp_path, chat([message(1)], type=kind))

    with pytest.raises(SourceRefused, match="only imported when that is asked for"):
        read(tmp_path)
    assert len(read(tmp_path, include_private=True)) == 2


@pytest.mark.parametrize(
    "kind",
    ["personal_chat", "bot_chat", "private_group", "saved_messages", "replies", None, 5, "new"],
)
def test_a_chat_of_people_is_refused_even_when_private_ones_are_asked_for(tmp_path, kind):
    write(tmp_path, chat([message(1)], type=kind, name=None))

    with pytest.raises(SourceRefused, match="channel"):
        read(tmp_path, include_private=True)


@pytest.mark.parametrize("name", [None, 5, "gone"])
def test_a_chat_without_a_name_has_an_empty_title(tmp_path, name):
    content = chat([message(1)], name=name)
    if name == "gone":
        del content["name"]

    assert read(write(tmp_path, content))[0].title == ""


def test_the_header_may_also_follow_the_messages(tmp_path):
    header = chat([])
    content = {"messages": [message(1), message(2)]} | header | {"messages": [message(1)]}
    assert next(iter(content)) == "messages"

    records = read(write(tmp_path, content), chunk_bytes=50)

    assert outline(records) == ["Канал", 1]


@pytest.mark.parametrize("bad", [None, "12", 0, 1.5, True, 10**30, -5])
def test_a_channel_without_a_usable_id_is_refused(tmp_path, bad):
    with pytest.raises(SourceRefused, match=r'result\.json .* no usable "id"'):
        read(write(tmp_path, chat([message(1)], id=bad)))


def test_messages_that_are_no_list_are_a_problem(tmp_path):
    records = read(write(tmp_path, {**chat([]), "messages": {"1": message(1)}}))

    assert records[1].detail.startswith("result.json, near byte ")
    assert records[1].detail.endswith(": the messages of a chat must be a list")


def test_an_account_gives_each_chat_with_its_own_messages(tmp_path):
    content = account(
        chat([message(1), message(2)], name="A", id=11),
        chat([message(5)], name="B", id=12),
        left=[chat([message(9)], name="C", id=13)],
    )

    assert outline(read(write(tmp_path, content))) == ["A", 1, 2, "B", 5, "C", 9]


def test_an_album_does_not_reach_into_the_next_chat(tmp_path):
    same = {"photo": "(x)", "date_unixtime": "1781868410", "from_id": "channel1"}
    content = account(
        chat([message(1, **same)], id=11), chat([message(2, **same)], id=12), chat([], id=13)
    )

    posts = [r for r in read(write(tmp_path, content)) if isinstance(r, Message)]

    assert [post.grouped_id for post in posts] == [None, None]


def test_an_account_keeps_quiet_about_everything_else(tmp_path):
    secret = message(1, text="Secret", **{"from": "Secret"})
    content = account(
        chat([secret], name="Secret", type="personal_chat", id=1),
        {"type": "saved_messages", "id": 2, "messages": [secret]},
        chat([secret], name="Secret", type="private_supergroup", id=3),
        chat([secret], name="Secret", type="Secret", id=4),
        chat([message(2)], name="Open"),
    )

    records = read(write(tmp_path, content))

    assert [r.kind for r in records if isinstance(r, SkippedChat)] == [
        "personal_chat",
        "saved_messages",
        "private_supergroup",
        "unknown",
    ]
    assert "Secret" not in repr(records)
    assert "999" not in repr(records)
    assert outline(records)[-2:] == ["Open", 2]


def test_headers_after_the_messages_are_matched_to_their_chats_in_an_account_too(tmp_path):
    def late(name, kind, chat_id):
        return {"messages": [message(chat_id)], "id": chat_id, "type": kind, "name": name}

    content = account(
        late("A", "public_channel", 1),
        late(None, "personal_chat", 2),
        late("B", "public_channel", 3),
        left=[late("C", "public_supergroup", 4)],
    )

    records = read(write(tmp_path, content))

    assert [r.kind for r in records if isinstance(r, SkippedChat)] == ["personal_chat"]
    named = [r for r in records if not isinstance(r, SkippedChat)]
    assert outline(named) == ["A", 1, "B", 3, "C", 4]


def test_a_channel_of_an_account_without_an_id_does_not_stop_the_others(tmp_path):
    content = account(chat([message(1)], id=None), chat([message(2)], name="B"))

    problem, *rest = read(write(tmp_path, content))

    assert isinstance(problem, Problem)
    assert problem.code == "invalid_chat"
    assert outline(rest) == ["B", 2]


def test_an_account_with_odd_lists_gives_what_is_there(tmp_path):
    content = account(5, None, chat([message(2)], name="B")) | {"left_chats": None}

    assert outline(read(write(tmp_path, content))) == ["B", 2]


def test_a_truncated_account_gives_the_chats_before(tmp_path):
    content = json.dumps(account(chat([message(1)]), chat([message(2), message(3)])))
    content = content[: content.index('"id": 3')]

    records = read(write(tmp_path, content.encode()))

    assert outline(records[:-1]) == ["Канал", 1, "Канал", 2]
    assert records[-1].code == "truncated"


def test_an_account_without_any_chat_is_refused(tmp_path):
    with pytest.raises(SourceRefused, match="there is no chat in it"):
        read(write(tmp_path, account()))
