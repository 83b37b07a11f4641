import json
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from media.sources.port import Absence, Attachment, Forward, MediaKind, Reaction, ServiceMessage
from tests.unit.exports import (
    EXCEEDS,
    NOT_INCLUDED,
    UNAVAILABLE,
    message,
    photo,
    problem_of,
    read_messages,
    read_one,
    write,
)


def entity(kind, text, **more):
    return {"type": kind, "text": text, **more}


# Text


@pytest.mark.parametrize(
    "shape",
    [
        {"text": "Привет мир"},
        {"text": "Привет мир", "text_entities": [entity("plain", "Привет мир")]},
        {"text": ["Привет ", entity("bold", "мир"), ""], "text_entities": None},
        {
            "text": ["Привет ", entity("bold", "мир"), ""],
            "text_entities": [
                entity("plain", "Привет "), entity("bold", "мир"), entity("plain", ""),
            ],
        },
        {"text": None, "text_entities": ["Привет ", entity("bold", "мир")]},
        {"text": "Привет мир", "text_entities": [entity("plain", "")]},
    ],
)  # fmt: skip
def test_the_text_is_whole_in_every_shape(tmp_path, shape):
    assert read_one(tmp_path, message(1, **shape)).text == "Привет мир"


def test_links_have_a_scheme_come_once_and_in_order(tmp_path):
    entities = [
        entity("link", "example.org/a"),
        entity("text_link", "тут", href="http://b.example"),
        entity("link", "https://example.org/a"),
        entity("link", "HTTPS://c.example"),
        entity("text_link", "пусто", href=" "),
        entity("text_link", "никуда"),
        entity("text_link", "tg", href="tg://resolve?domain=x"),
        entity("link", "localhost:8080/x"),
        entity("link", "//d.example"),
    ]

    assert read_one(tmp_path, message(1, text_entities=entities)).links == (
        "https://example.org/a",
        "http://b.example",
        "HTTPS://c.example",
        "tg://resolve?domain=x",
        "https://localhost:8080/x",
        "https://d.example",
    )


@pytest.mark.parametrize(
    "odd",
    ["javascript:alert(1)", "JavaScript:alert(1)", "javascript://e.org/%0aalert(1)", "data:text/html,x",
     "file:///etc/passwd", "ftp://e.org", "vbscript:x.y", "просто слова", "user:secret@e.org", "x"],
)  # fmt: skip
def test_what_nobody_may_follow_is_no_link_and_is_kept_beside(tmp_path, odd):
    entities = [entity("text_link", "тут", href=odd), entity("link", "e.org")]

    post = read_one(tmp_path, message(1, text_entities=entities))

    assert (post.text, post.links, post.extra) == (
        "тутe.org",
        ("https://e.org",),
        {"no_links": [odd]},
    )


@pytest.mark.parametrize(
    ("written", "link"),
    [
        ("пример.рф", "https://пример.рф"), ("xn--p1ai.xn--p1ai/a", "https://xn--p1ai.xn--p1ai/a"),
        ("t.me/x?a=javascript:b", "https://t.me/x?a=javascript:b"), ("10.0.0.1:80", "https://10.0.0.1:80"),
        ("e.org.", "https://e.org."), ("mailto:a@e.org", "mailto:a@e.org"), ("tel:+7999", "tel:+7999"),
        ("tg:resolve?domain=x", "tg:resolve?domain=x"), ("http://[::1]/", "http://[::1]/"),
    ],
)  # fmt: skip
def test_an_address_of_any_usual_form_is_a_link(tmp_path, written, link):
    post = read_one(tmp_path, message(1, text_entities=[entity("text_link", "тут", href=written)]))

    assert (post.links, post.extra) == ((link,), {})


def test_a_link_of_more_than_2048_characters_is_left_out(tmp_path):
    fits = "https://e.org/" + "a" * (2048 - 14)
    entities = [entity("link", fits), entity("link", fits + "a")]

    assert read_one(tmp_path, message(1, text_entities=entities)).links == (fits,)


def test_links_are_found_in_the_old_array_too(tmp_path):
    raw = message(1, text=["a ", entity("link", "e.org")])
    del raw["text_entities"]

    assert read_one(tmp_path, raw).links == ("https://e.org",)


def test_mentions_and_hashtags_are_kept_as_written(tmp_path):
    entities = [
        entity("hashtag", "#Наука"), entity("mention", "@Канал"), entity("hashtag", "#Наука"),
        entity("hashtag", "#fun"), entity("mention_name", "Иван", user_id=5),
    ]  # fmt: skip

    post = read_one(tmp_path, message(1, text_entities=entities))

    assert (post.mentions, post.hashtags) == (("@Канал",), ("#Наука", "#fun"))


# Times


def test_unix_time_is_preferred_to_the_local_one(tmp_path):
    raw = message(1, date="1999-01-01T00:00:00", date_unixtime="1781868410")

    post = read_one(tmp_path, raw, zone=ZoneInfo("Asia/Tokyo"))

    assert post.posted_at == datetime(2026, 6, 19, 11, 26, 50, tzinfo=UTC)
    assert "zone" not in post.extra


def test_an_old_date_is_read_in_the_zone_given_and_says_so(tmp_path):
    raw = message(1, date="2020-01-01T03:00:00", edited="1970-01-01T03:00:00", from_id=4295)
    del raw["date_unixtime"], raw["text_entities"]

    post = read_one(tmp_path, raw, zone=ZoneInfo("Europe/Moscow"))

    assert post.posted_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert post.extra["zone"] == "Europe/Moscow"
    assert post.edited_at is None
    assert post.sender_id == "4295"


def test_an_edited_message_says_when(tmp_path):
    raw = message(1, edited="2026-06-19T15:27:00", edited_unixtime="1781868420")

    assert read_one(tmp_path, raw).edited_at == datetime(2026, 6, 19, 11, 27, tzinfo=UTC)
    for none in ("0", "-10800", "1", "1781868410", 0):  # 1970, and before the message itself
        assert read_one(tmp_path, raw | {"edited_unixtime": none}).edited_at is None


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Europe/Moscow", "UTC", "Pacific/Niue"])
@pytest.mark.parametrize("hour", range(0, 24, 5))
@pytest.mark.parametrize("day", ["1969-12-31", "1970-01-01", "0001-01-01"])
def test_an_edit_of_1970_is_none_in_whatever_zone(tmp_path, zone, hour, day):
    raw = message(1, date="2019-05-01T12:00:00", edited=f"{day}T{hour:02}:00:00")
    del raw["date_unixtime"]

    post = read_one(tmp_path, raw, zone=ZoneInfo(zone))

    assert (post.edited_at, post.posted_at.year) == (None, 2019)


@pytest.mark.parametrize("edited", ["2019-05-01T11:59:59", "2012-01-01T00:00:00"])
def test_an_edit_before_its_message_is_none(tmp_path, edited):
    raw = message(1, date="2019-05-01T12:00:00", edited=edited)
    del raw["date_unixtime"]

    assert read_one(tmp_path, raw).edited_at is None


@pytest.mark.parametrize("edited", ["soon", "12", "3000-01-01T00:00:00", "2019-99-99T00:00:00"])
def test_an_edit_that_is_no_time_is_none_and_is_kept_as_it_is(tmp_path, edited):
    post = read_one(tmp_path, message(1, text="да", edited=edited))

    assert (post.text, post.edited_at) == ("да", None)
    assert (post.extra, post.unknown) == ({"unknown": {"edited": edited}}, ("edited",))


@pytest.mark.parametrize("edited", ["soon", "9" * 12, 1.5, []])
def test_no_edit_is_taken_from_a_local_time_beside_a_wrong_unix_time(tmp_path, edited):
    raw = message(1, edited_unixtime=edited, edited="2026-06-20T00:00:00")

    post = read_one(tmp_path, raw)

    assert (post.edited_at, post.extra["unknown"]) == (None, {"edited_unixtime": edited})


def test_an_edit_has_its_unix_time_whatever_the_local_one(tmp_path):
    post = read_one(tmp_path, message(1, edited=5, edited_unixtime="1781868500"))

    assert post.edited_at == datetime.fromtimestamp(1781868500, UTC)


# Wrong types


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("date_unixtime", "soon"), ("date_unixtime", "9" * 12), ("date_unixtime", []),
        ("text", 5), ("text", [5]), ("text", {}), ("text_entities", [{"type": "bold"}]),
    ],
)  # fmt: skip
def test_a_field_of_a_wrong_type_is_named_and_costs_only_its_message(tmp_path, field, wrong):
    problem = problem_of(tmp_path, message(5) | {field: wrong})

    assert (problem.code, problem.message_id, problem.fatal) == ("invalid_message", 5, False)
    assert f": {field}" in problem.detail


SECONDARY = [
    ("rich_message", []), ("rich_message", "x"), ("photo", 5), ("file", []), ("mime_type", 5), ("width", "wide"),
    ("width", -1), ("height", 1.5), ("file_size", 2**80), ("duration_seconds", "long"), ("duration_seconds", ""),
    ("media_spoiler", None), ("author", 5), ("author", {"a": 1}), ("from_id", 1.5), ("reactions", {}), ("poll", []),
    ("poll", "вопрос"), ("todo_list", 5), ("reply_to_message_id", "x"), ("reply_to_message_id", ""),
    ("reply_to_message_id", 2**63), ("via_bot", []), ("location_information", "дом"), ("game_title", 5),
    ("paid_stars_amount", -1), ("giveaway_information", [1]), ("edited", 5), ("date", 5),
]  # fmt: skip


@pytest.mark.parametrize(("field", "wrong"), SECONDARY)
def test_a_wrong_value_beside_the_text_costs_no_post_and_is_kept_as_it_is(tmp_path, field, wrong):
    post = read_one(tmp_path, message(5, text="да") | {field: wrong})

    assert (post.message_id, post.text) == (5, "да")
    assert (post.extra, post.unknown) == ({"unknown": {field: wrong}}, (field,))


def test_all_wrong_values_at_once_cost_no_post_and_nothing_that_is_right(tmp_path):
    wrong = dict(SECONDARY) | {"brand_new": 1}

    post = read_one(tmp_path, message(5, text="да", performer="Хор") | wrong)

    assert (post.text, post.extra) == ("да", {"performer": "Хор", "unknown": wrong})


def test_a_wrong_measure_costs_no_picture(tmp_path):
    post = read_one(tmp_path, photo(5, width="wide", height=4, media_spoiler=None))

    assert (post.attachment.width, post.attachment.height, post.attachment.spoiler) == (
        None,
        4,
        False,
    )


@pytest.mark.parametrize("unix", ["", None])
def test_a_wrong_date_beside_no_other_is_named_whatever_else_is_wrong(tmp_path, unix):
    raw = message(5, author=5, width="x", date=5, date_unixtime=unix)

    assert ": date: " in problem_of(tmp_path, raw).detail


def test_what_refuses_a_message_is_named_first(tmp_path):
    assert ": text" in problem_of(tmp_path, message(5, edited=5, author=5, text=5)).detail


def test_a_source_that_is_no_text_leaves_a_forwarded_post_one(tmp_path):
    assert read_one(tmp_path, message(5, forwarded_from=5)).forward == Forward()


def test_a_wrong_reaction_costs_no_other_and_names_nobody(tmp_path):
    recent = [{"from": "Иван"}]
    reactions = [
        {"count": 1, "recent": recent}, {"type": "paid", "count": 2}, 7, {"type": "emoji", "emoji": "🔥"},
        {"type": "emoji", "emoji": "❤", "count": "много", "recent": recent},
    ]  # fmt: skip

    post = read_one(tmp_path, message(1, reactions=reactions))

    assert post.reactions == (
        Reaction("paid", "", 2), Reaction("emoji", "🔥", 0), Reaction("emoji", "❤", 0)
    )  # fmt: skip
    assert post.extra["unknown"] == {
        "reactions[0]": {"count": 1}, "reactions[2]": 7, "reactions[4].count": "много"
    }  # fmt: skip
    assert "Иван" not in repr(post)


@pytest.mark.parametrize("form", [dict, json.dumps])
def test_a_wrong_part_of_a_poll_costs_no_other_part(tmp_path, form):
    answers = [
        {"text": "а", "voters": 1},
        {"text": 5, "voters": -1},
        7,
        {"text": [["б"]], "voters": 2},
    ]
    poll = {"question": "?", "total_voters": 3, "closed": [], "answers": answers}

    post = read_one(tmp_path, message(1, poll=form(poll)))

    assert post.text == "?\nа"
    assert [answer["voters"] for answer in post.extra["poll"]["answers"]] == [1, None, 2]
    assert post.extra["unknown"] == {
        "poll.closed": [], "poll.answers[1].text": 5, "poll.answers[1].voters": -1,
        "poll.answers[2]": 7, "poll.answers[3].text": [["б"]],
    }  # fmt: skip
    assert "poll.answers[].text" in post.unknown


def test_how_the_person_who_exported_voted_is_not_kept_with_a_wrong_poll(tmp_path):
    poll = {"question": "?", "answers": {"text": "а", "chosen": True}}

    post = read_one(tmp_path, message(1, poll=poll))

    assert post.extra["unknown"] == {"poll.answers": {"text": "а"}}


@pytest.mark.parametrize("wrong", ["5", None, True, 1.5, 2**70, -(2**70)])
def test_a_number_that_is_none_is_a_problem(tmp_path, wrong):
    assert ": id: " in problem_of(tmp_path, message(5) | {"id": wrong}).detail


@pytest.mark.parametrize("raw", [None, 5, "text", [], {}, {"id": 5}, {"id": 5, "type": 7}])
def test_what_is_no_message_is_a_problem(tmp_path, raw):
    assert problem_of(tmp_path, raw).code == "invalid_message"


def test_a_message_without_a_date_is_a_problem(tmp_path):
    problem = problem_of(tmp_path, {"id": 5, "type": "message", "text": "x"})

    assert (problem.detail.split(": ", 1)[1], problem.message_id) == ("date: not a time", 5)


def test_a_problem_does_not_repeat_what_the_message_said(tmp_path):
    problem = problem_of(tmp_path, message(5, text={"phone": "+7999"}))

    assert "+7999" not in problem.detail


def test_unknown_keys_are_no_problem(tmp_path):
    post = read_one(tmp_path, message(5, brand_new={"a": [1]}))

    assert (post.extra, post.unknown) == ({"unknown": {"brand_new": {"a": [1]}}}, ("brand_new",))


def test_a_message_with_neither_text_nor_media_is_a_message(tmp_path):
    post = read_one(tmp_path, message(5))

    assert (post.text, post.attachment, post.extra) == ("", None, {})


# Media


def test_a_picture_has_its_size_and_dimensions(tmp_path):
    raw = photo(1, photo="photos/a.jpg", photo_file_size=9, width=3, height=4, media_spoiler=True)

    assert read_one(tmp_path, raw).attachment == Attachment(
        kind=MediaKind.PHOTO,
        path="photos/a.jpg",
        file_name="a.jpg",
        declared_size_bytes=9,
        width=3,
        height=4,
        spoiler=True,
    )


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("sticker", MediaKind.STICKER), ("video_message", MediaKind.VIDEO_MESSAGE),
        ("voice_message", MediaKind.VOICE), ("animation", MediaKind.ANIMATION),
        ("video_file", MediaKind.VIDEO), ("audio_file", MediaKind.AUDIO),
        (None, MediaKind.DOCUMENT), ("hologram", MediaKind.DOCUMENT),
    ],
)  # fmt: skip
def test_each_kind_of_file_is_known(tmp_path, media_type, kind):
    raw = message(1, file="files/a b.bin", media_type=media_type)

    found = read_one(tmp_path, raw).attachment

    assert (found.kind, found.file_name, found.declared_mime) == (kind, "a b.bin", "")


def test_a_file_has_its_name_type_and_size(tmp_path):
    raw = message(
        1, file="video_files/a.mp4", file_name="Кино.mp4", file_size=2**33,
        thumbnail="video_files/a.mp4_thumb.jpg", media_type="video_file", mime_type="video/mp4",
        duration_seconds=61, width=1920, height=1080,
    )  # fmt: skip

    assert read_one(tmp_path, raw).attachment == Attachment(
        kind=MediaKind.VIDEO,
        path="video_files/a.mp4",
        thumbnail_path="video_files/a.mp4_thumb.jpg",
        file_name="Кино.mp4",
        declared_mime="video/mp4",
        declared_size_bytes=2**33,
        width=1920,
        height=1080,
        duration_seconds=61.0,
    )


@pytest.mark.parametrize(
    ("placeholder", "absence"),
    [
        (NOT_INCLUDED, Absence.NOT_INCLUDED),
        (EXCEEDS, Absence.EXCEEDS_LIMIT),
        (UNAVAILABLE, Absence.UNAVAILABLE),
        ("(Photo not included. Change data exporting settings to download.)", "not_included"),
        ("(что-то новое)", Absence.UNAVAILABLE),
        ("", Absence.UNAVAILABLE),
    ],
)
def test_a_placeholder_says_why_there_is_no_file(tmp_path, placeholder, absence):
    picture = read_one(tmp_path, photo(1, photo=placeholder)).attachment
    raw = message(1, file=placeholder, file_name="a.mp4", file_size=5, thumbnail=placeholder)
    video = read_one(tmp_path, raw).attachment

    assert (picture.absence, picture.path) == (absence, "")
    assert (video.absence, video.path, video.thumbnail_path) == (absence, "", "")
    assert (video.file_name, video.declared_size_bytes) == ("a.mp4", 5)


def test_a_real_file_may_have_a_name_in_brackets(tmp_path):
    write(tmp_path, b"")
    (tmp_path / "(a)").write_bytes(b"1")

    found = read_one(tmp_path, message(1, file="(a)")).attachment

    assert (found.path, found.absence) == ("(a)", None)


def test_paid_media_have_no_file(tmp_path):
    post = read_one(tmp_path, message(1, paid_stars_amount=50))

    assert (post.attachment.absence, post.extra) == (Absence.PAID, {"paid_stars_amount": 50})


def test_a_custom_emoji_is_no_media(tmp_path):
    emoji = entity("custom_emoji", "🔥", document_id="stickers/sticker.webp")

    post = read_one(tmp_path, message(1, text=[emoji], text_entities=[emoji]))

    assert (post.text, post.attachment) == ("🔥", None)


# What else a message carries


def test_the_words_of_a_poll_are_its_text(tmp_path):
    poll = {
        "question": ["Кто ", entity("bold", "вы"), "?"],
        "closed": False,
        "total_voters": 3,
        "answers": [
            {"text": "Кот", "voters": 2, "chosen": True},
            {"text": [entity("plain", "Пёс")], "voters": 1, "chosen": False},
        ],
    }

    post = read_one(tmp_path, message(1, poll=poll))

    assert post.text == "Кто вы?\nКот\nПёс"
    assert post.extra["poll"] == {
        "question": "Кто вы?",
        "closed": False,
        "total_voters": 3,
        "answers": [{"text": "Кот", "voters": 2}, {"text": "Пёс", "voters": 1}],
    }


def test_the_words_of_a_poll_follow_a_text(tmp_path):
    poll = {"question": "Где?", "answers": [{"text": "Тут"}, {"text": [entity("bold", "Там")]}]}

    assert (
        read_one(tmp_path, message(1, text="Смотрите", poll=poll)).text
        == "Смотрите\nГде?\nТут\nТам"
    )


@pytest.mark.parametrize(
    ("total", "votes", "kept"),
    [
        (412, (0, 0), (None, None)),
        (0, (0, 0), (0, 0)),
        (None, (0, 0), (0, 0)),
        (3, (0, 3), (0, 3)),
        (1, (), ()),
        (1, (None, 0), (None, None)),
    ],
)
def test_votes_that_the_exporter_was_not_shown_are_unknown(tmp_path, total, votes, kept):
    answers = [{"text": f"a{n}", "voters": n_votes} for n, n_votes in enumerate(votes)]
    poll = {"question": "?", "total_voters": total, "answers": answers}

    found = read_one(tmp_path, message(1, poll=poll)).extra["poll"]

    assert tuple(answer["voters"] for answer in found["answers"]) == kept
    assert found["total_voters"] == total


def test_the_words_of_a_to_do_list_are_its_text(tmp_path):
    todo = {"title": "Дела", "answers": [{"text": "раз", "id": 1}], "others_can_append": True}

    post = read_one(tmp_path, message(1, todo_list=todo))

    assert post.text == "Дела\nраз"
    assert post.extra["todo_list"] == {"title": "Дела", "items": ["раз"]}


def test_a_contact_is_counted_and_not_kept(tmp_path):
    raw = message(
        1,
        contact_information={"first_name": "Иван", "phone_number": "+7999"},
        contact_vcard="contacts/contact_1.vcard",
    )

    post = read_one(tmp_path, raw)

    assert post.extra == {"contact": True}
    assert "+7999" not in repr(post)
    assert post.attachment is None


def test_places_games_bills_and_prizes_are_kept(tmp_path):
    raw = message(
        1,
        location_information={"latitude": 55.7, "longitude": 37.6},
        live_location_period_seconds=60,
        place_name="Музей",
        address="Улица, 1",
        game_title="Змейка",
        invoice_information={
            "title": "Счёт",
            "amount": 5,
            "currency": "RUB",
            "receipt_message_id": 7,
        },
        giveaway_results={"months": 3, "winners": [111, 222]},
        giveaway_information={"quantity": 10},
    )

    assert read_one(tmp_path, raw).extra == {
        "location": {"latitude": 55.7, "longitude": 37.6},
        "live_location_period_seconds": 60,
        "place": {"name": "Музей", "address": "Улица, 1"},
        "game": {"title": "Змейка", "description": "", "link": ""},
        "invoice": {"title": "Счёт", "description": None, "amount": 5, "currency": "RUB"},
        "giveaway_results": {"months": 3},
        "giveaway_information": {"quantity": 10},
    }


INVOICE = {"title": "Взнос", "description": "д", "amount": 1, "currency": "RUB"}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (INVOICE, INVOICE),
        (json.dumps(INVOICE), INVOICE),
        (json.dumps(INVOICE | {"receipt_message_id": 7}, indent=1, ensure_ascii=False), INVOICE),
        (
            json.dumps(INVOICE, ensure_ascii=False).replace('"д"', '"\\x02"'),
            INVOICE | {"description": "\x02"},
        ),
        ("не JSON", "не JSON"),
        ("{", "{"),
        ([1], [1]),
    ],
)
def test_an_invoice_is_kept_in_whatever_form_and_costs_no_post(tmp_path, written, kept):
    post = read_one(tmp_path, message(1, text="до", invoice_information=written))

    assert (post.text, post.extra) == ("до", {"invoice": kept})


@pytest.mark.parametrize(
    ("field", "value", "key"),
    [
        ("location_information", {"latitude": 1, "longitude": 2}, "location"),
        ("giveaway_information", {"months": 3}, "giveaway_information"),
        ("poll", {"question": "?", "answers": []}, "poll"),
        ("todo_list", {"title": "Дела", "answers": []}, "todo_list"),
    ],
)
def test_any_object_may_be_written_into_a_string(tmp_path, field, value, key):
    as_object = read_one(tmp_path, message(1) | {field: value})
    as_string = read_one(tmp_path, message(1) | {field: json.dumps(value)})

    assert as_object.extra[key] == as_string.extra[key]
    assert as_object.text == as_string.text


def test_the_buttons_below_a_message_are_links_with_labels(tmp_path):
    rows = [
        [
            {"type": "url", "text": " Читать ", "data": "reka.example/a"},
            {"type": "callback", "text": "👍 5", "dataBase64": "aHR0cA", "data": ""},
        ],
        [
            {"type": "auth", "text": "Войти", "data": "https://b.example", "button_id": 3},
            {"type": "simple_web_view", "text": "Игра", "data": "https://c.example"},
            {"type": "callback", "text": "Нет", "data": "https://not-a-link.example"},
            {"type": "switch_inline", "text": "Поделиться", "data": "запрос"},
            {"type": "brand_new", "text": "Новое", "data": "tg://resolve?domain=x"},
            {"type": "default"},
        ],
    ]
    link = [entity("link", "https://a.example")]

    post = read_one(tmp_path, message(1, text="Ночь", text_entities=link, inline_bot_buttons=rows))

    assert post.text == "https://a.example"
    assert post.links == (
        "https://a.example", "https://reka.example/a", "https://b.example", "https://c.example",
        "tg://resolve?domain=x",
    )  # fmt: skip
    assert post.extra["buttons"] == [
        {"text": "Читать", "url": "https://reka.example/a"},
        {"text": "👍 5"},
        {"text": "Войти", "url": "https://b.example"},
        {"text": "Игра", "url": "https://c.example"},
        {"text": "Нет"},
        {"text": "Поделиться", "query": "запрос"},
        {"text": "Новое", "url": "tg://resolve?domain=x"},
    ]
    assert post.unknown == ()


@pytest.mark.parametrize("odd", [None, 5, "x", [], [[]], [None, [7]], {}, [{"text": 5}]])
def test_buttons_of_an_odd_shape_cost_no_post(tmp_path, odd):
    assert read_one(tmp_path, message(1, text="до", inline_bot_buttons=odd)).text == "до"


@pytest.mark.parametrize(
    ("button", "kept"),
    [
        ({"type": "copy_text", "data": "КОД5"}, {"copy_text": "КОД5"}),
        ({"type": "copy_text", "data": "https://e.org"}, {"copy_text": "https://e.org"}),
        ({"type": "switch_inline_same", "data": "гифки"}, {"query": "гифки"}),
        ({"type": "url", "data": "javascript:alert(1)"}, {"data": "javascript:alert(1)"}),
        ({"type": "web_view", "data": ""}, {}),
        ({"type": "brand_new", "data": "что-то"}, {"data": "что-то"}),
        ({"data": "что-то"}, {"data": "что-то"}),
        ({"type": "callback", "data": "javascript:alert(1)"}, {}),
    ],
)
def test_what_a_button_does_is_kept_with_its_label(tmp_path, button, kept):
    post = read_one(tmp_path, message(1, inline_bot_buttons=[[{"text": "К", **button}]]))

    assert post.extra == {"buttons": [{"text": "К", **kept}]}
    assert post.links == ()


@pytest.mark.parametrize(
    ("odd", "unknown"),
    [
        ("строка", {"": "строка"}), (5, {"": 5}), ([["строка"], None, [None, [7]]], {"[0][0]": "строка", "[2][1][0]": 7}),
        (["ряд", {"type": "url", "text": "К"}], {"[0]": "ряд"}),
        ([[{"text": {"type": "plain", "text": "О"}}]], {"[0][0].text": {"type": "plain", "text": "О"}}),
        ([[{"text": "К", "type": ["url"], "data": 7}]], {"[0][0].type": ["url"], "[0][0].data": 7}),
        ({"text": "К", "new": 1}, {".new": 1}),
    ],
)  # fmt: skip
def test_buttons_of_an_unknown_shape_are_kept_as_they_are(tmp_path, odd, unknown):
    post = read_one(tmp_path, message(1, text="до", inline_bot_buttons=odd))

    expected = {f"inline_bot_buttons{place}": value for place, value in unknown.items()}
    assert (post.text, post.extra["unknown"]) == ("до", expected)
    assert set(post.unknown) == {re.sub(r"\d", "", place) for place in expected}


def test_a_location_may_be_null(tmp_path):
    assert read_one(tmp_path, message(1, location_information=None)).extra == {}


def test_reactions_are_counted_without_names(tmp_path):
    recent = [{"from": "Иван", "from_id": "user5", "date": "2026-06-19T15:26:50"}]
    reactions = [
        {"type": "emoji", "count": 5, "emoji": "❤", "recent": recent},
        {"type": "custom_emoji", "count": 2, "document_id": "(unavailable)"},
        {"type": "paid", "count": 1},
    ]

    post = read_one(tmp_path, message(1, reactions=reactions))

    assert post.reactions == (
        Reaction("emoji", "❤", 5),
        Reaction("custom_emoji", "", 2),
        Reaction("paid", "", 1),
    )
    assert "Иван" not in repr(post)


@pytest.mark.parametrize(
    ("fields", "forward"),
    [
        ({}, None),
        ({"forwarded_from": None}, Forward()),
        ({"forwarded_from": "Канал"}, Forward(from_name="Канал")),
        ({"forwarded_from_id": "channel7"}, Forward(from_chat_id=-1000000000007)),
        ({"forwarded_from": "Иван", "forwarded_from_id": "user7"}, Forward(from_name="Иван")),
        ({"forwarded_from": "Г", "forwarded_from_id": "chat7"}, Forward("Г", -7)),
    ],
)
def test_a_forwarded_post_says_what_is_known_of_its_source(tmp_path, fields, forward):
    assert read_one(tmp_path, message(1, **fields)).forward == forward


@pytest.mark.parametrize(
    ("peer", "chat_id"),
    [(None, None), ("channel2447843635", -1002447843635), ("user5", None), ("?", None), (5, None)],
)
def test_a_reply_says_to_what(tmp_path, peer, chat_id):
    post = read_one(tmp_path, message(9, reply_to_message_id=7, reply_to_peer_id=peer))

    assert (post.reply_to_message_id, post.reply_to_chat_id) == (7, chat_id)


def test_author_sender_and_bot_are_kept(tmp_path):
    post = read_one(tmp_path, message(1, author="Редактор", via_bot="@gif"))

    assert (post.author, post.via_bot, post.sender_id) == ("Редактор", "@gif", "channel2447843635")


# Service messages


@pytest.mark.parametrize(
    ("raw", "action"),
    [
        ({"type": "service", "action": "pin_message", "message_id": 5}, "pin_message"),
        ({"type": "service", "action": "brand_new", "duration": "x"}, "brand_new"),
        ({"type": "service", "information_text": "…"}, "unknown"),
        ({"type": "service", "action": "edit_group_photo", "photo": "photos/a.jpg"},
         "edit_group_photo"),
        ({"type": "unsupported"}, "unsupported"),
    ],
)  # fmt: skip
def test_what_happened_in_the_chat_is_a_service_message(tmp_path, raw, action):
    pinned = raw.get("message_id")
    assert read_messages(tmp_path, [{"id": 3} | raw]) == [ServiceMessage(3, action, pinned)]


# Types that no version knew so far


@pytest.mark.parametrize("kind", ["story", "", "Message", None, 7, [], {"a": 1}])
def test_a_message_of_an_unknown_type_is_a_post_that_says_so(tmp_path, kind):
    post = read_one(tmp_path, message(5, type=kind, text="новый вид", frame={"a": 1}))

    assert (post.message_id, post.text) == (5, "новый вид")
    assert post.extra["unknown"] == {"frame": {"a": 1}, "type": kind}
    assert set(post.unknown) == {"frame", "type"}


def test_a_message_without_a_type_is_a_post_with_its_file(tmp_path):
    raw = photo(5, text="без вида")
    del raw["type"]

    post = read_one(tmp_path, raw)

    assert (post.text, post.attachment.absence) == ("без вида", Absence.NOT_INCLUDED)
    assert post.unknown == ("type",)


@pytest.mark.parametrize("lacking", ["id", "date"])
def test_an_unknown_type_without_id_or_date_is_a_problem(tmp_path, lacking):
    raw = message(5, type="hologram", text="x")
    for key in (lacking, f"{lacking}_unixtime"):
        raw.pop(key, None)

    assert f": {lacking}: " in problem_of(tmp_path, raw).detail


@pytest.mark.parametrize("kind", ["service", "unsupported"])
def test_what_is_no_post_stays_none_whatever_it_says(tmp_path, kind):
    (found,) = read_messages(tmp_path, [message(5, type=kind, text="x")])

    assert isinstance(found, ServiceMessage)


def test_messages_of_a_migrated_group_have_negative_numbers(tmp_path):
    assert read_one(tmp_path, message(-999_999_990)).message_id == -999_999_990


# Fingerprint


def test_the_fingerprint_depends_on_what_was_said_and_not_on_how_it_was_written(tmp_path):
    raw = message(1, text="раз", author="А")
    fingerprint = read_one(tmp_path, raw).fingerprint

    assert read_one(tmp_path, dict(reversed(raw.items()))).fingerprint == fingerprint
    assert read_one(tmp_path, json.loads(json.dumps(raw))).fingerprint == fingerprint
    assert read_one(tmp_path, raw | {"text": "два"}).fingerprint != fingerprint
    assert read_one(tmp_path, raw | {"brand_new": 1}).fingerprint != fingerprint
    assert len(fingerprint) == 64


def test_a_file_that_appears_later_changes_the_fingerprint(tmp_path):
    raw = photo(1, photo="a.jpg")
    without = read_one(tmp_path, raw).fingerprint

    (tmp_path / "a.jpg").write_bytes(b"")
    empty = read_one(tmp_path, raw).fingerprint
    (tmp_path / "a.jpg").write_bytes(b"123")
    there = read_one(tmp_path, raw).fingerprint

    assert without == empty != there
