"""The real exports of ../shared/data/telegram, whole: import, albums, text of the pictures."""

import io
import json
from collections import Counter

import pytest
from django.core.management import CommandError, call_command

from albums.models import MediaGroup
from events.models import Delivery, DeliveryState
from media.models import Channel, MediaObject, Post, PostMedia
from tests.acceptance.product import Product
from vision.models import PostEnrichment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.real_data]


@pytest.fixture
def product(tmp_path):
    return Product(tmp_path)


@pytest.fixture
def telegram(shared_data):
    return shared_data / "telegram"


@pytest.fixture
def take_in():
    """Imports into this process's installation; returns the exit code and the report."""

    def run(path):
        out = io.StringIO()
        try:
            call_command("import_export", str(path), "--json", stdout=out)
            code = 0
        except (CommandError, SystemExit) as end:
            code = end.returncode if isinstance(end, CommandError) else end.code
        return code, json.loads(out.getvalue())

    return run


def contents_of(number: int) -> str:
    return PostMedia.objects.get(
        post__telegram_message_id=number, role="primary"
    ).media_object.file_sha256


@pytest.mark.long  # half a minute; the other exports of this file are read in every run
def test_the_assembled_russian_channel_comes_in_as_its_manifest_says(product, telegram):
    folder = telegram / "ru_assembled"
    manifest = json.loads((folder / "manifest.json").read_text())
    summary = manifest["summary"]

    report = product.json("import_export", folder / "ChatExport_2024-12-05")
    drained = product.manage("drain", "--until-idle", "--json")

    assert drained.returncode == 0, drained.stderr
    # The channel's new picture is a service message, and the unsupported one has no content.
    assert Post.objects.count() == summary["messages"] - summary["service"] - summary["unsupported"]
    assert report["service"] == summary["service"]
    assert report["unsupported"] == summary["unsupported"]
    states = Counter(Post.objects.values_list("media_state", flat=True))
    placeholders = ("not_included", "unavailable", "exceeds_limit")
    assert sum(states[name] for name in placeholders) == summary["placeholders"]
    assert (states["missing"], states["empty"]) == (summary["missing_on_disk"], 1)
    assert {(p["code"], p["message_id"]) for p in report["details"]} == {
        ("missing_file", 53),
        ("broken_image", 62),
        ("empty_file", 64),
        ("too_many_pixels", 65),
    }
    assert contents_of(9) == contents_of(49) == contents_of(50)
    assert contents_of(48) == contents_of(57)
    wanted = {}
    for entry in manifest["messages"]:
        if entry.get("album"):
            wanted.setdefault(entry["album"], []).append(entry["message_id"])
    found = [
        list(g.items.order_by("position").values_list("post__telegram_message_id", flat=True))
        for g in MediaGroup.objects.order_by("grouped_id")
    ]
    assert sorted(found) == sorted(wanted.values())
    captions = dict(MediaGroup.objects.values_list("grouped_id", "caption_text"))
    assert all(captions.values())
    assert not Delivery.objects.filter(state=DeliveryState.DEAD).exists()
    read = PostEnrichment.objects.get(post__telegram_message_id=9, kind="vision")
    assert "Белеет парус одинокий" in read.vision_ocr_text
    assert PostEnrichment.objects.get(post__telegram_message_id=65, kind="vision").metadata[
        "decisions"
    ][0]["reason"] in {"too_many_pixels", "broken_image"}


def test_the_shop_with_its_photos_comes_in_completely(take_in, telegram):
    _, report = take_in(telegram / "en_shop_photos" / "ChatExport_2022-12-01")

    photos = telegram.glob("en_shop_photos/*/photos/*.jpg")
    files = {path.name for path in photos}
    assert Post.objects.count() == 110
    assert (report["problems"], report["new"]) == (0, 110)
    assert MediaObject.objects.count() == len(files) - 1 == 84  # one file is there under two names
    assert PostMedia.objects.count() == 110
    assert sum(MediaObject.objects.values_list("refs_count", flat=True)) == 110


@pytest.mark.long
def test_the_film_channel_and_its_later_exports_are_one_channel(product, telegram):
    first = product.json("import_export", telegram / "ru_films_textonly" / "ChatExport_2026-06-17")
    later = [
        product.json("import_export", telegram / "ru_films_increments" / name)
        for name in ("ChatExport_2026-06-13", "ChatExport_2026-06-14")
    ]
    product.manage("drain", "--until-idle")

    assert first["new"] + first["service"] == 211
    assert [report["new"] for report in later] == [5, 4]
    assert Channel.objects.count() == 1
    assert Channel.objects.get().last_message_id == 3850
    sizes = list(MediaGroup.objects.values_list("items_count", flat=True))
    assert len(sizes) >= 50
    assert max(sizes) <= 10
    assert set(MediaGroup.objects.values_list("status", flat=True)) == {"complete"}


def test_a_whole_account_gives_its_public_channels_only(take_in, telegram):
    folder = telegram / "full_account_derived" / "DataExport_2026-06-17"
    raw = json.loads((folder / "result.json").read_text())
    chats = raw["chats"]["list"] + raw.get("left_chats", {}).get("list", [])
    public = [c for c in chats if c["type"] in {"public_channel", "public_supergroup"}]

    _, report = take_in(folder)

    assert Channel.objects.count() == len(public)
    wanted = sum(m["type"] == "message" for c in public for m in c["messages"])
    assert Post.objects.count() == wanted
    assert sum(report["skipped_chats"].values()) == len(chats) - len(public)
    everything = json.dumps(list(Channel.objects.values("title", "username")), ensure_ascii=False)
    assert raw["personal_information"]["phone_number"] not in everything


@pytest.mark.parametrize(
    ("name", "code", "posts"),
    [("bom_crlf.json", 0, 1), ("duplicate_ids.json", 0, 1), ("invalid_escape_x01.json", 0, 1),
     ("truncated.json", 1, 0)],
)  # fmt: skip
def test_edge_cases_come_in_or_say_why_not(take_in, telegram, tmp_path, name, code, posts):
    path = tmp_path / "result.json"
    path.write_bytes((telegram / "edge_cases_derived" / name).read_bytes())

    ended, report = take_in(path)

    missing = [p for p in report["details"] if p["code"] == "missing_file"]
    assert Post.objects.count() >= posts
    assert ended == (1 if missing else code)
    others = [p for p in report["details"] if p["code"] != "missing_file"]
    assert bool(others) == (code == 1)
    for problem in others:
        assert "result.json" in problem["detail"]


def test_the_same_export_twice_is_unchanged(take_in, telegram):
    folder = telegram / "ru_assembled" / "ChatExport_2024-12-05"
    take_in(folder)
    before = set(Post.objects.values_list("pk", "updated_at"))
    assert before

    _, again = take_in(folder)

    assert (again["new"], again["updated"], again["media_stored"]) == (0, 0, 0)
    assert set(Post.objects.values_list("pk", "updated_at")) == before
