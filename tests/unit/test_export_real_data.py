"""Every real export, compared with what INDEX.md and manifest.json say about it."""

import json
import os
from collections import Counter
from datetime import UTC
from pathlib import Path

import pytest

from media.sources.export import ExportSource
from media.sources.port import (
    Absence,
    Chat,
    FileRefused,
    MediaKind,
    Message,
    Problem,
    ServiceMessage,
    SkippedChat,
)
from tests.unit.exports import read

DATA = Path(
    os.environ.get("SHARED_DATA_DIR", Path(__file__).resolve().parents[3] / "shared" / "data")
)
TELEGRAM = DATA / "telegram"
ASSEMBLED = TELEGRAM / "ru_assembled" / "ChatExport_2024-12-05"
FILMS = TELEGRAM / "ru_films_textonly" / "ChatExport_2026-06-17"
SHOP = TELEGRAM / "en_shop_photos" / "ChatExport_2022-12-01"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not TELEGRAM.is_dir(), reason=f"REAL DATA ARE NOT THERE: {TELEGRAM}"),
]


def posts(records):
    return [record for record in records if isinstance(record, Message)]


def albums(records):
    found = {}
    for post in posts(records):
        if post.grouped_id is not None:
            found.setdefault(post.grouped_id, []).append(post.message_id)
    return found


@pytest.fixture(scope="module")
def manifest():
    return json.loads((TELEGRAM / "ru_assembled" / "manifest.json").read_text())


@pytest.fixture(scope="module")
def assembled():
    return read(ASSEMBLED)


@pytest.fixture(scope="module")
def films():
    return read(FILMS)


def test_the_assembled_channel_has_every_message_of_its_manifest(assembled, manifest):
    summary = manifest["summary"]
    happened = [r for r in assembled if isinstance(r, ServiceMessage)]

    assert assembled[0] == Chat(-1002999000001, "public_channel", "Наука и картинки (сборка)")
    assert [r.message_id for r in assembled[1:]] == [m["message_id"] for m in manifest["messages"]]
    assert len(assembled) - 1 == summary["messages"] == 77
    assert sum(r.action == "unsupported" for r in happened) == summary["unsupported"] == 1
    assert len(happened) - 1 == summary["service"] == 3
    with_media = sum(post.attachment is not None for post in posts(assembled))
    assert with_media + 1 == summary["with_media"]  # it counts the channel's own picture too


def test_the_albums_of_the_assembled_channel_are_those_of_its_manifest(assembled, manifest):
    expected = {}
    for entry in manifest["messages"]:
        if "album" in entry:
            expected.setdefault(entry["album"], []).append(entry["message_id"])

    assert list(albums(assembled).values()) == list(expected.values())
    assert albums(assembled) == {
        -27: [27, 28, 29],
        -32: list(range(32, 42)),
        -44: [44, 45],
        -47: [47, 48],
    }


def test_the_files_of_the_assembled_channel_are_those_of_its_manifest(assembled, manifest):
    by_id = {post.message_id: post for post in posts(assembled)}

    for entry in manifest["messages"]:
        if "file" in entry and not entry["kind"].startswith("service"):
            attachment = by_id[entry["message_id"]].attachment
            expected = "" if entry["file"].startswith("(") else entry["file"]
            assert attachment.path == expected


def test_every_file_of_the_assembled_channel_opens_but_the_missing_one(assembled):
    source = ExportSource(ASSEMBLED, zone=UTC)
    reasons = Counter()
    for post in posts(assembled):
        if post.attachment and post.attachment.path:
            try:
                with source.open(post.attachment.path) as stream:
                    assert len(stream.read()) == source.size_bytes(post.attachment.path)
            except FileRefused as refusal:
                reasons[refusal.reason, post.message_id] += 1

    assert set(reasons) <= {("missing", 53), ("empty", 64)}
    assert reasons["missing", 53] == 1


def test_what_is_absent_from_the_assembled_channel_says_why(assembled):
    absent = {p.message_id: p.attachment.absence for p in posts(assembled) if p.attachment}

    assert {n: absence for n, absence in absent.items() if absence} == {
        54: Absence.NOT_INCLUDED,
        55: Absence.UNAVAILABLE,
        56: Absence.EXCEEDS_LIMIT,
    }


def test_forwards_replies_and_polls_of_the_assembled_channel_are_read(assembled):
    by_id = {post.message_id: post for post in posts(assembled)}

    assert by_id[66].forward.from_name
    assert by_id[66].forward.from_chat_id < -(10**12)
    assert by_id[67].forward is not None
    assert by_id[67].forward.from_name == ""
    assert by_id[68].reply_to_message_id == 66
    assert by_id[73].text.startswith(by_id[73].extra["poll"]["question"])
    assert by_id[74].attachment.spoiler
    assert (by_id[77].text, by_id[77].attachment) == ("", None)
    assert sum(len(post.links) for post in posts(assembled)) > 40


def test_the_film_channel_is_read_whole(films):
    raw = json.loads((FILMS / "result.json").read_text())

    assert [r.message_id for r in films[1:]] == [m["id"] for m in raw["messages"]]
    assert len(films) - 1 == 211
    assert not [r for r in films if isinstance(r, Problem)]
    assert {p.attachment.absence for p in posts(films)} == {Absence.NOT_INCLUDED}
    kinds = Counter(p.attachment.kind for p in posts(films))
    assert kinds == {MediaKind.VIDEO: 158, MediaKind.PHOTO: 52}
    assert {p.edited_at is not None for p in posts(films)} == {True, False}
    assert any(p.links for p in posts(films))
    assert any(tag for p in posts(films) for tag in p.hashtags)
    assert all(r.count > 0 for p in posts(films) for r in p.reactions)


def test_the_film_channel_has_fifty_groups_of_one_second(films):
    seconds = Counter(post.posted_at for post in posts(films))
    crowded = {at: n for at, n in seconds.items() if n > 1}
    assert len(crowded) == 50
    assert sorted(crowded.values())[-2:] == [27, 28]

    for at, count in crowded.items():
        groups = Counter(p.grouped_id for p in posts(films) if p.posted_at == at)
        if count <= 10:
            assert list(groups.values()) == [count]
        else:
            assert max(groups.values()) <= 10


def test_the_batches_of_the_film_channel_begin_an_album_at_each_caption(films):
    found = albums(films)
    by_id = {post.message_id: post for post in posts(films)}

    assert found[-443] == [443, 444]
    assert [-n for n in found if -470 <= n <= -443] == [443, 445, 450, 454, 456, 460, 464, 466]
    assert [-n for n in found if -729 <= n <= -703] == [703, 706, 711, 717, 720, 724, 727]
    for group in (found[-445], found[-450], found[-706]):
        assert [bool(by_id[n].text) for n in group] == [True] + [False] * (len(group) - 1)


@pytest.mark.parametrize(("day", "ids"), [("13", range(3842, 3847)), ("14", range(3847, 3851))])
def test_later_exports_of_the_film_channel_go_on_where_it_ended(day, ids, films):
    records = read(TELEGRAM / "ru_films_increments" / f"ChatExport_2026-06-{day}")

    assert records[0] == films[0]
    assert [post.message_id for post in posts(records)] == list(ids)


def test_the_shop_has_its_hundred_and_ten_pictures():
    source = ExportSource(SHOP, zone=UTC)
    found = posts(source.records())

    paths = Counter(post.attachment.path for post in found)
    assert len(found) == 110
    assert {post.attachment.kind for post in found} == {MediaKind.PHOTO}
    assert len(paths) == 85
    assert sum(count > 1 for count in paths.values()) == 24
    assert all(source.size_bytes(path) for path in paths)
    assert {post.attachment.declared_size_bytes for post in found} == {None}
    assert all(post.text for post in found)


def test_an_account_gives_its_public_channels_and_skips_the_rest():
    records = read(TELEGRAM / "full_account_derived" / "DataExport_2026-06-17")

    assert [r.title for r in records if isinstance(r, Chat)] == [
        "ГУЗЕЛЬСКИЕ ПЕРЕЗАЛИВЫ",
        "All1App daily",
        "Покинутый канал (пример)",
    ]
    assert [r.kind for r in records if isinstance(r, SkippedChat)] == [
        "private_group",
        "saved_messages",
        "personal_chat",
    ]
    assert len(records) == 3 + 3 + 40 + 8


def test_the_pictures_of_an_account_lie_below_its_folder():
    source = ExportSource(TELEGRAM / "full_account_derived" / "DataExport_2026-06-17", zone=UTC)
    found = [p for p in posts(source.records()) if p.attachment and p.attachment.path]

    assert all(p.attachment.path.startswith("chats/chat_002/photos/") for p in found)
    assert all(source.size_bytes(p.attachment.path) for p in found)


@pytest.mark.parametrize(
    ("name", "count", "problems"),
    [
        ("bom_crlf", 3, []),
        ("duplicate_ids", 4, []),
        ("invalid_escape_x01", 3, []),
        ("truncated", 1, ["truncated"]),
    ],
)
def test_the_damaged_exports_give_what_they_hold(name, count, problems):
    records = read(TELEGRAM / "edge_cases_derived" / f"{name}.json")

    assert len(posts(records)) == count
    assert [r.code for r in records if isinstance(r, Problem)] == problems
