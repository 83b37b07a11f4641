"""The committed sample channel: what expected.json promises is what the export holds."""

import json
from collections import Counter
from datetime import datetime
from hashlib import sha256
from itertools import groupby

import pytest
from django.conf import settings
from PIL import Image, ImageChops, ImageStat

from tools.sample_channel import markup
from tools.sample_channel.canvas import FONTS_DIR

SAMPLE = settings.BASE_DIR / "telegram_assistant" / "sample"
EXPORT = SAMPLE / "ChatExport_2026-11-01"
NOT_INCLUDED = "(File not included. Change data exporting settings to download.)"
KEYS_IN_ORDER = [
    *("id", "type", "date", "date_unixtime", "edited", "edited_unixtime"),
    *("actor", "actor_id", "action", "title", "message_id"),
    *("from", "from_id", "forwarded_from", "forwarded_from_id", "reply_to_message_id"),
    *("photo", "photo_file_size", "file", "file_name", "file_size"),
    *("thumbnail", "thumbnail_file_size", "media_type", "sticker_emoji", "mime_type"),
    *("duration_seconds", "width", "height", "poll", "text", "text_entities", "reactions"),
]
SIZE_OF = {"photo": "photo_file_size", "file": "file_size", "thumbnail": "thumbnail_file_size"}


@pytest.fixture(scope="module")
def root():
    return json.loads((EXPORT / "result.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def expected():
    return json.loads((SAMPLE / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def messages(root):
    return {message["id"]: message for message in root["messages"]}


def path_of(message):
    path = message.get("photo") or message.get("file") or ""
    return "" if path.startswith("(") else path


def kind_of(message):
    by_type = {"video_file": "video", "animation": "animation", "sticker": "sticker"}
    if not path_of(message):
        return ""
    return "photo" if "photo" in message else by_type.get(message.get("media_type"), "document")


def picture(message):
    return Image.open(EXPORT / path_of(message)).convert("RGB")


def test_the_export_is_written_as_telegram_desktop_writes_it():
    raw = (EXPORT / "result.json").read_bytes()

    assert raw.startswith('{\n "name": "Двор и данные",\n "type": "public_channel",\n'.encode())
    assert raw.endswith(b"\n  }\n ]\n}")
    assert b"\\u0" not in raw


def test_the_channel_is_the_one_that_is_expected(root, expected):
    assert list(root) == ["name", "type", "id", "messages"]
    assert {key: root[key] for key in ("name", "type", "id")} == expected["channel"]


def test_ids_and_times_ascend_within_september_and_october(root):
    ids = [message["id"] for message in root["messages"]]
    times = [int(message["date_unixtime"]) for message in root["messages"]]

    assert ids == sorted(set(ids))
    assert times == sorted(times)
    assert root["messages"][0]["date"] >= "2026-09-01"
    assert root["messages"][-1]["date"] < "2026-11-01"


def test_local_times_are_those_of_moscow(root):
    for message in root["messages"]:
        local = datetime.fromisoformat(message["date"] + "+03:00")

        assert local.timestamp() == int(message["date_unixtime"])


def test_keys_come_in_the_order_of_the_exporter(root):
    for message in root["messages"]:
        assert list(message) == [key for key in KEYS_IN_ORDER if key in message]


def test_every_named_file_is_there_with_the_size_that_is_told(root):
    for message in root["messages"]:
        for key, size_key in SIZE_OF.items():
            name = message.get(key, NOT_INCLUDED)
            if name != NOT_INCLUDED:
                assert (EXPORT / name).stat().st_size == message[size_key]


def test_no_file_lies_about_unnamed(root):
    named = {message[key] for message in root["messages"] for key in SIZE_OF if key in message}
    emoji = {
        part["document_id"]
        for message in root["messages"]
        for part in message["text_entities"]
        if part["type"] == "custom_emoji"
    }
    on_disk = {file.relative_to(EXPORT).as_posix() for file in EXPORT.rglob("*") if file.is_file()}

    assert len(emoji) == 1
    assert on_disk == (named | emoji | {"result.json"}) - {NOT_INCLUDED}


def test_pictures_have_the_dimensions_that_are_told(root):
    for message in root["messages"]:
        if path_of(message).endswith((".jpg", ".png", ".webp")):
            with Image.open(EXPORT / path_of(message)) as image:
                assert image.size == (message["width"], message["height"])


def test_the_sample_stays_small_enough_to_commit():
    total = sum(file.stat().st_size for file in EXPORT.rglob("*") if file.is_file())

    assert total < 3_000_000


def test_messages_are_counted_right(root, expected):
    ordinary = [message for message in root["messages"] if message["type"] == "message"]
    kinds = Counter(kind_of(message) for message in ordinary)
    in_albums = sum(len(album["message_ids"]) - 1 for album in expected["albums"])
    paths = {path_of(message) for message in root["messages"] if path_of(message)}
    contents = {sha256((EXPORT / path).read_bytes()).digest() for path in paths}

    assert expected["counts"] == {
        "messages": len(root["messages"]),
        "service_messages": len(root["messages"]) - len(ordinary),
        "posts": len(ordinary) - in_albums,
        "albums": len(expected["albums"]),
        "photos": kinds["photo"],
        "service_photos": sum("action" in m and "photo" in m for m in root["messages"]),
        "videos": kinds["video"],
        "animations": kinds["animation"],
        "stickers": kinds["sticker"],
        "documents": kinds["document"],
        "placeholders": sum(m.get("file") == NOT_INCLUDED for m in ordinary),
        "polls": sum("poll" in message for message in ordinary),
        "distinct_paths": len(paths),
        "distinct_contents": len(contents),
    }


def test_albums_are_the_messages_of_one_second(root, expected):
    seconds = groupby(root["messages"], key=lambda message: message["date_unixtime"])
    groups = [list(group) for _, group in seconds]
    found = [
        {
            "message_ids": [message["id"] for message in group],
            "kinds": [kind_of(message) for message in group],
            "caption_message_id": next(m["id"] for m in group if m["text"]),
        }
        for group in groups
        if len(group) > 1
    ]

    assert found == expected["albums"]


def test_one_album_has_its_caption_first_and_a_mixed_one_has_it_last(expected):
    photos, mixed = expected["albums"]

    assert photos["caption_message_id"] == photos["message_ids"][0]
    assert mixed["caption_message_id"] == mixed["message_ids"][-1]
    assert set(photos["kinds"]) == {"photo"}
    assert set(mixed["kinds"]) == {"photo", "video"}
    for album in (photos, mixed):
        first, *_, last = album["message_ids"]
        assert album["message_ids"] == list(range(first, last + 1))


def test_exact_duplicates_are_the_only_messages_with_the_same_bytes(root, expected):
    seen, pairs = {}, []
    for message in root["messages"]:
        if path_of(message):
            digest = sha256((EXPORT / path_of(message)).read_bytes()).digest()
            original = seen.setdefault(digest, message)
            if original is not message:
                same = path_of(original) == path_of(message)
                pairs.append({"message_ids": [original["id"], message["id"]], "same_path": same})

    assert sorted(pairs, key=str) == sorted(expected["exact_duplicates"], key=str)
    assert {pair["same_path"] for pair in pairs} == {True, False}


def test_reencoded_duplicates_look_alike_but_differ_in_bytes(messages, expected):
    for first_id, second_id in expected["reencoded_duplicates"]:
        first, second = messages[first_id], messages[second_id]
        size = (64, 64)
        apart = ImageChops.difference(picture(first).resize(size), picture(second).resize(size))

        assert (EXPORT / path_of(first)).read_bytes() != (EXPORT / path_of(second)).read_bytes()
        assert max(ImageStat.Stat(apart).mean) < 3


def test_lookalikes_are_two_pictures_with_different_text(messages, expected):
    lines = {text["message_id"]: text["lines"] for text in expected["texts"]}

    for first_id, second_id in expected["lookalikes"]:
        assert picture(messages[first_id]).size == picture(messages[second_id]).size
        assert lines[first_id] != lines[second_id]


def test_placeholders_keep_the_size_of_the_file_that_is_not_there(messages, expected):
    (absent_id,) = expected["placeholders"]
    absent = messages[absent_id]

    assert absent["file"] == absent["thumbnail"] == NOT_INCLUDED
    assert absent["file_size"] > 1_000_000


def test_the_text_of_a_picture_belongs_to_the_file_that_is_named(messages, expected):
    assert len(expected["texts"]) >= 25
    for text in expected["texts"]:
        assert text["path"] == path_of(messages[text["message_id"]])
        assert all(line.strip() for line in text["lines"])


def test_a_picture_sent_as_a_file_has_no_media_type(root):
    (plan,) = [m for m in root["messages"] if m.get("mime_type") == "image/png"]

    assert "media_type" not in plan
    assert "photo" not in plan


def test_the_pdf_points_to_its_own_table_of_objects():
    pdf = (EXPORT / "files/sensor-notes.pdf").read_bytes()
    start = int(pdf.rsplit(b"startxref\n", 1)[1].split()[0])

    assert pdf.startswith(b"%PDF-1.4")
    assert pdf[start:].startswith(b"xref\n")


def test_text_and_entities_say_the_same(root):
    for message in root["messages"]:
        parts = message["text"] if isinstance(message["text"], list) else [message["text"]]
        words = "".join(part if isinstance(part, str) else part["text"] for part in parts)

        assert words == "".join(entity["text"] for entity in message["text_entities"])


def test_the_posts_use_every_kind_of_formatting_that_people_use(root):
    used = {part["type"] for message in root["messages"] for part in message["text_entities"]}

    assert used >= {
        *("plain", "bold", "italic", "strikethrough", "spoiler", "code", "pre", "blockquote"),
        *("link", "text_link", "mention", "hashtag", "email", "custom_emoji"),
    }


def test_links_lead_nowhere_but_to_reserved_domains(root):
    for message in root["messages"]:
        for part in message["text_entities"]:
            if part["type"] in {"link", "text_link"}:
                address = part.get("href", part["text"]).removeprefix("https://")
                assert address.split("/")[0] in {"example.org", "example.com", "example.net"}


def test_a_russian_text_that_ends_with_a_tag_gets_an_empty_last_part():
    assert markup.entities("Снег #зима")[-1] == {"type": "plain", "text": ""}


def test_an_english_text_that_ends_with_a_tag_gets_no_empty_last_part():
    assert markup.entities("Snow #winter")[-1] == {"type": "hashtag", "text": "#winter"}


def test_a_text_without_formatting_is_a_plain_string():
    assert markup.text_of(markup.entities("Снег")) == "Снег"
    assert markup.text_of(markup.entities("")) == ""


@pytest.mark.long
def test_drawing_again_gives_the_same_export(root, expected, tmp_path):
    pytest.importorskip("av", reason="PyAV is needed to encode the video: pip install av")
    if not FONTS_DIR.exists():
        pytest.skip("the DejaVu fonts are missing: apt-get install fonts-dejavu-core")
    from tools.sample_channel import draw  # noqa: PLC0415 - needs PyAV

    assert draw.main([str(tmp_path)]) == 0

    again = json.loads((tmp_path / EXPORT.name / "result.json").read_text(encoding="utf-8"))
    assert without_video_sizes(again) == without_video_sizes(root)
    assert json.loads((tmp_path / "expected.json").read_text(encoding="utf-8")) == expected


def without_video_sizes(root):
    """Builds of the video encoder may differ by a few bytes."""
    videos = {"video_file", "animation"}
    return [
        message | {"file_size": 0} if message.get("media_type") in videos else message
        for message in root["messages"]
    ]
