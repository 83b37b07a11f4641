"""Exports as people report them: the folders of ../shared/data/reports with their right values."""

import json
import shutil
import unicodedata
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db.models import Q

from accounts import tenants
from events.console import list_of, page_of
from events.delivery import worker
from events.models import OutboxEvent
from media.models import Channel, ImportRun, MediaObject, Post, PostMedia
from media.selectors import find_posts
from media.services import imports
from media.sources.export import ExportSource
from storage_quota.object_store import get_store
from tests import factories as make
from tests.unit.exports import NOT_INCLUDED, chat, message, write
from tests.unit.test_export_rich import plain, rich
from vision import providers
from vision.models import PostEnrichment
from vision.providers.fake import FakeVision

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def report(shared_data):
    """What a report gives, as `(path of its folder, expected)`."""

    def read(name):
        folder = shared_data / "reports" / name
        return folder, json.loads((folder / "expected.json").read_text())

    return read


def run(folder, **options):
    zone = options.pop("zone", ZoneInfo("Europe/Moscow"))
    source = ExportSource(folder, zone=zone)
    tenant = tenants.default_tenant()
    return imports.import_export(source=source, path=folder, tenant=tenant, **options)


def post(number):
    return Post.objects.get(telegram_message_id=number)


def ids():
    return list(
        Post.objects.order_by("telegram_message_id").values_list("telegram_message_id", flat=True)
    )


def found(term):
    posts = find_posts(Post.objects.order_by("telegram_message_id"), term)
    return list(posts.values_list("telegram_message_id", flat=True))


# The folders


@pytest.mark.real_data
def test_01_a_rich_message_is_whole_with_links_tags_and_pictures(report):
    folder, expected = report("01-rich-message")

    summary = run(folder / "24-rich-v7")

    rich_post = post(expected["message"])
    assert rich_post.channel.tg_channel_id == expected["channel"]
    assert rich_post.content == expected["content"]
    assert not [word for word in expected["must_not_contain"] if word in rich_post.content]
    assert rich_post.urls == expected["urls"]
    assert rich_post.hashtags == expected["hashtags"]
    assert rich_post.mentions == expected["mentions"]
    stored = PostMedia.objects.filter(post=rich_post).order_by("position")
    bodies = [(folder / "24-rich-v7" / path).read_bytes() for path in expected["photos_on_disk"]]
    assert len(stored) == expected["photos_taken"]
    assert [row.role for row in stored] == ["primary", "attachment"]
    for row, body in zip(stored, bodies, strict=True):
        with get_store().open(row.media_object.s3_key) as file:
            assert file.read() == body
    told = OutboxEvent.objects.get(topic="posts.vision.uploaded").payload["media_files"]
    assert [file["sha256"] for file in told] == [row.media_object.file_sha256 for row in stored]
    assert (summary.counts["problems"], summary.as_dict()["unknown_keys"]) == (0, {})


@pytest.mark.real_data
@pytest.mark.parametrize("order", [("15-old-id", "15-new-id"), ("15-new-id", "15-old-id")])
def test_02_an_export_with_an_old_id_is_of_the_same_channel(report, order):
    folder, expected = report("02-old-channel-id")

    for name in order:
        run(folder / name)

    (channel,) = expected["channels"]
    assert Channel.objects.get().tg_channel_id == channel["tg_channel_id"]
    assert ids() == channel["posts"]
    assert post(1).telegram_post_url == channel["telegram_post_url_of_1"]


@pytest.mark.real_data
def test_03_an_edit_of_1970_is_none(report):
    folder, expected = report("03-old-edited-1970")

    summary = run(folder / "22-old-edited")

    assert (ids(), summary.counts["problems"]) == (expected["posts"], expected["problems"])
    for number, edited_at in expected["edited_at"].items():
        at = post(int(number)).edited_at
        assert (at and at.isoformat()) == edited_at
        assert post(int(number)).is_edited == bool(edited_at)


@pytest.mark.real_data
@pytest.mark.parametrize("on_disk", ["as it is", "NFC", "NFD"])
@pytest.mark.parametrize("in_json", ["NFC", "NFD"])
def test_04_files_are_stored_whatever_the_form_of_their_names(report, tmp_path, on_disk, in_json):
    folder, expected = report("04-nfd-names")
    export = tmp_path / "export"
    shutil.copytree(folder / "02-nfd", export)
    text = unicodedata.normalize(in_json, (export / "result.json").read_text())
    (export / "result.json").write_text(text)
    for path in list(export.glob("*/*")) if on_disk != "as it is" else []:
        path.rename(path.with_name(unicodedata.normalize(on_disk, path.name)))

    summary = run(export)

    assert summary.counts["problems"] == expected["problems"]
    first, second = (expected["posts"][number] for number in ("1", "2"))
    assert (post(1).media_state, post(1).media_name) == (first["media_state"], first["media_name"])
    assert post(1).media.get().size_bytes == first["bytes"]
    assert (post(2).media_state, post(2).media_kind) == (
        second["media_state"],
        second["media_kind"],
    )
    assert found("отчёт за май") == [1]


@pytest.mark.real_data
def test_05_an_invoice_costs_no_post(report):
    folder, expected = report("05-invoice-string")

    summary = run(folder / "01-invoice")

    assert (ids(), summary.counts["problems"]) == (expected["posts"], expected["problems"])
    assert post(2).extra == expected["extra_of_2"]
    assert found("взнос за лодки") == [2]


@pytest.mark.real_data
def test_12_votes_are_unknown_or_known_and_all_words_are_there(report):
    folder, expected = report("12-poll")

    run(folder / "04-poll")

    poll = post(1).extra["poll"]
    assert [answer["voters"] for answer in poll["answers"]] == expected["1"][
        "poll.answers[].voters"
    ]
    assert poll["total_voters"] == expected["1"]["poll.total_voters"]
    assert post(2).content == expected["2"]["content"]
    assert found("вёсел") == [2]


@pytest.mark.real_data
def test_15_what_was_read_in_pictures_and_names_of_files_is_found(report, admin_client):
    folder, expected = report("15-search-gap")
    for name in ("10-ocr-upright", "09-yo"):
        run(folder / name)
    assert found("Стоянка запрещена") == []

    worker.drain("vision_backfill")

    for query, contents in expected.items():
        term = query.removeprefix("q=")
        posts = find_posts(Post.objects.order_by(), term)
        assert list(posts.values_list("content", flat=True)) == contents
        page = admin_client.get(list_of(Post), {"q": term}).content.decode()
        assert all(content in page for content in contents)
    read = PostEnrichment.objects.get(post__content="upright.png")
    page = admin_client.get(list_of(PostEnrichment), {"q": "Стоянка"}).content.decode()
    assert page_of(PostEnrichment, read.pk) in page
    answers = {
        term: admin_client.get("/api/v1/vision/posts", {"q": term}).json()["results"]
        for term in ("Стоянка", "слон", "стоянки -запрещено", "стоянки -слон")
    }
    assert {term: len(rows) for term, rows in answers.items()} == {
        "Стоянка": 1, "слон": 0, "стоянки -запрещено": 0, "стоянки -слон": 1
    }  # fmt: skip
    assert answers["Стоянка"][0]["post_id"] == str(read.post_id)


# The kinds


def test_an_old_id_in_an_export_with_unix_times_stays_as_it_is(tmp_path):
    run(write(tmp_path, chat([{"id": 1, "type": "unsupported"}, message(2)], id=2**33 + 5)))

    assert Channel.objects.get().tg_channel_id == -(10**12) - 2**33 - 5


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("bare", [1, 2**31, 2**32 - 1])
def test_an_old_id_loses_its_type_wherever_it_stands(tmp_path, bare, late):
    raw = message(2, date="2020-05-01T12:00:00")
    del raw["date_unixtime"]
    messages = [{"id": 1, "type": "unsupported"}, 7, raw]
    old, other = chat(messages, id=2**33 + bare), chat([], id=2**33 + 7, type="private_channel")
    if late:
        old = {key: old[key] for key in ("messages", "name", "type", "id")}
    private = chat([message(1)], id=2**33 + 9, type="personal_chat")
    run(write(tmp_path, {"chats": {"list": [private, old, other]}}))

    assert Channel.objects.get().tg_channel_id == -(10**12) - bare


def test_what_telegram_could_not_export_is_a_figure_of_its_own(tmp_path, capsys):
    messages = [message(1), {"id": 2, "type": "unsupported"}, message(3, type="hologram", text="да"),
                {"id": 4, "type": "service", "action": "pin_message"}]  # fmt: skip
    folder = write(tmp_path, chat(messages))

    call_command("import_export", folder, "--json")

    told = json.loads(capsys.readouterr().out)
    assert (told["messages"], told["service"], told["unsupported"]) == (2, 1, 1)
    assert told["unknown_keys"] == {"type": 1}
    assert post(3).content == "да"


def test_unknown_keys_are_kept_and_said_in_the_summary(tmp_path, capsys, admin_client):
    poll = {
        "question": "?",
        "answers": [{"text": "а", "media": "new.jpg"}, {"text": "б", "media": "b"}],
    }
    messages = [message(n, text="да", brand_new={"n": n}) for n in (1, 2)] + [message(3, poll=poll)]
    folder = write(tmp_path, chat(messages) | {"theme": "dark"})

    call_command("import_export", folder)

    out = capsys.readouterr().out
    assert "как есть  brand_new: 2, poll.answers[].media: 1, chat.theme: 1" in out
    assert post(2).extra["unknown"] == {"brand_new": {"n": 2}}
    assert post(3).extra["unknown"] == {
        "poll.answers[0].media": "new.jpg",
        "poll.answers[1].media": "b",
    }
    assert "new" not in post(3).content
    page = admin_client.get(page_of(ImportRun, ImportRun.objects.get().pk)).content.decode()
    assert "poll.answers[].media: 1" in page
    assert "new.jpg" in admin_client.get(page_of(Post, post(3).pk)).content.decode()


FOUND_BY = {
    "place": ({"place_name": "Старый причал", "address": "Набережная, 5"}, "набережной"),
    "game": ({"game_title": "Змейка", "game_description": "Ешьте яблоки"}, "яблоко"),
    "invoice": ({"invoice_information": json.dumps({"title": "Аренда байдарки"})}, "байдаркой"),
    "giveaway": ({"giveaway_information": {"additional_prize": "Палатка"}}, "палатки"),
    "audio": ({"file": NOT_INCLUDED, "performer": "Хор бурлаков", "title": "Дубинушка"}, "дубинушку"),
    "file": ({"file": NOT_INCLUDED, "file_name": "Карта_порогов-2024.pdf"}, "пороги"),
    "button": ({"inline_bot_buttons": [[{"type": "url", "text": "Записаться в поход", "data": "e.org"}]]},
               "походы"),
    "poll": ({"poll": {"question": "Сколько вёсел?", "answers": [{"text": "четыре"}]}}, "четыре"),
    "to-do": ({"todo_list": {"title": "Сборы", "answers": [{"text": "Спальник"}]}}, "спальники"),
    "rich": ({"rich_message": {"blocks": [{"type": "math", "formula": "скорость"}]}}, "скорости"),
    "decomposed": ({"text": unicodedata.normalize("NFD", "Зелёный чай")}, "зелёного"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOUND_BY)
def test_words_outside_of_the_text_are_found_like_those_in_it(tmp_path, kind, admin_client):
    fields, term = FOUND_BY[kind]
    run(write(tmp_path, chat([message(1, text="другое"), message(2) | fields])))

    assert found(term) == found(unicodedata.normalize("NFD", term)) == [2]
    shown = admin_client.get(list_of(Post), {"q": term}).content.decode()
    assert page_of(Post, post(2).pk) in shown
    assert page_of(Post, post(1).pk) not in shown
    assert admin_client.get(page_of(Post, post(2).pk)).status_code == 200


def test_a_later_import_that_changes_words_changes_what_is_found(tmp_path):
    run(write(tmp_path, chat([message(1, place_name="Причал")])))
    run(write(tmp_path, chat([message(1, place_name="Маяк", edited_unixtime="1781868500")])))

    assert (found("причал"), found("маяк")) == ([], [1])


def test_what_was_seen_is_found_and_survives_a_new_import(tmp_path, monkeypatch):
    monkeypatch.setattr(providers, "get_ocr", FakeVision)
    (tmp_path / "a.png").write_bytes(make.picture())
    run(write(tmp_path, chat([message(1, photo="a.png", text="раз")])))
    worker.drain("vision_backfill")
    words = post(1).picture_words
    assert words

    run(
        write(tmp_path, chat([message(1, photo="a.png", text="два", edited_unixtime="1781868500")]))
    )

    assert (post(1).picture_words, post(1).content) == (words, "два")
    assert found(words.split()[0]) == [1]


def test_several_files_of_one_message_are_all_stored_or_named(tmp_path):
    for name, color in (("a", "red"), ("b", "green"), ("c", "blue")):
        (tmp_path / f"{name}.png").write_bytes(make.picture(color))
    blocks = [{"type": "photo", "photo": f"{name}.png"} for name in ("a", "x", "b", "a", "c")]
    file = {
        "type": "video",
        "file": "b.png",
        "thumbnail": "c.png",
        "caption": {"text": plain("кино")},
    }
    folder = write(tmp_path, chat([rich(*blocks, file)]))

    summary = run(folder)

    rows = PostMedia.objects.order_by("position").values_list("position", "role")
    assert list(rows) == [(0, "primary"), (1, "attachment"), (2, "attachment")]
    assert MediaObject.objects.count() == summary.counts["media_stored"] == 3
    assert [(p.code, p.detail.split(":")[0]) for p in summary.problems] == [
        ("missing_file", "x.png")
    ]
    assert (post(1).media_state, post(1).media_name) == ("stored", "a.png")
    assert found("кино") == [1]
    assert run(folder).counts["unchanged"] == 1

    (tmp_path / "x.png").write_bytes(make.picture("white"))
    run(folder)
    assert PostMedia.objects.filter(~Q(role="thumbnail")).count() == 4


def test_a_new_reading_of_messages_reaches_posts_that_are_stored(tmp_path, monkeypatch):
    folder = write(tmp_path, chat([message(1, text="раз")]))
    run(folder, zone=UTC)
    monkeypatch.setattr("media.sources.export.messages.convert._READING", 900)

    assert run(folder, zone=UTC).counts["updated"] == 1


def local(number, second, **fields):
    """A message of before June 2022: its times are those of the exporting computer, without a zone."""
    raw = message(number, date=f"2021-06-19T15:26:{second:02}", text=f"текст {number}") | fields
    return {key: value for key, value in raw.items() if not key.endswith("_unixtime")}


@pytest.mark.parametrize("right", ["Asia/Yekaterinburg", "Europe/Kaliningrad"])
def test_an_export_that_was_read_in_a_wrong_zone_is_corrected_by_the_right_one(tmp_path, right):
    folder = write(tmp_path, chat([local(1, 1), local(2, 2, edited="2021-06-19T15:27:00")]))
    run(folder, zone=ZoneInfo("Europe/Moscow"))

    corrected = run(folder, zone=ZoneInfo(right))

    expected = {1: "15:26:01", 2: "15:26:02"}
    for number, local_time in expected.items():
        stored = post(number)
        assert f"{stored.posted_at.astimezone(ZoneInfo(right)):%H:%M:%S}" == local_time
        assert stored.extra["zone"] == right
    assert f"{post(2).edited_at.astimezone(ZoneInfo(right)):%H:%M:%S}" == "15:27:00"
    assert corrected.counts["updated"] == 2
    assert run(folder, zone=ZoneInfo(right)).counts["unchanged"] == 2
    assert run(folder, zone=ZoneInfo("Europe/Moscow")).counts["updated"] == 2, "and back again"


def test_a_zone_corrects_no_time_that_another_source_says_itself(tmp_path):
    newer = [message(1, text="текст 1", date_unixtime="1624105561"), message(9, text="позже")]
    run(write(tmp_path / "newer", chat(newer)))
    run(write(tmp_path / "older", chat([local(1, 1)])), zone=ZoneInfo("Asia/Tokyo"))

    assert post(1).posted_at.timestamp() == 1624105561
    assert "zone" not in post(1).extra
