"""Parts of the check that need no database: keys, samples, and the join of two ordered streams."""

from datetime import UTC, datetime

import pytest

from storage_quota import keys
from storage_quota.integrity.comparison.merge_join import LedgerEntry, bucket_objects, joined
from storage_quota.integrity.comparison.sample import Sample, expected_digest
from storage_quota.integrity.orphans.records import is_foreign, shown
from storage_quota.object_store import ObjectInfo

TENANT = "877193ef-be80-4977-aaeb-8009c3d772ee"
SHA256 = "ab" * 32
NOW = datetime(2026, 11, 21, tzinfo=UTC)
OURS = [
    keys.media(tenant_id=TENANT, sha256=SHA256, mime="image/png"),
    keys.vision(tenant_id=TENANT, sha256=SHA256, provider="gigachat", model="a/b:c", schema="1.0"),
    keys.album(tenant_id=TENANT, album_id=7),
    keys.crawl(tenant_id=TENANT, url_hash=SHA256),
    keys.crawl(tenant_id=TENANT, url_hash=SHA256, suffix=".md", post_id="p-1"),
]


def info(key, size=1):
    return ObjectInfo(key=key, size_bytes=size, modified_at=NOW)


@pytest.mark.parametrize("key", OURS)
def test_what_the_builders_make_is_ours(key):
    assert keys.is_one_of_ours(key)
    assert str(keys.owner(key)[1]) == TENANT


@pytest.mark.parametrize(
    "key",
    [
        "",
        "media/",
        f"media/{TENANT}",
        f"media/{TENANT}/ab/short.png",
        f"media/{TENANT}/cd/{SHA256}.png",
        f"media/{TENANT}/ab/{SHA256}.png/more",
        f"other/{TENANT}/ab/{SHA256}.png",
        f"media/nobody/ab/{SHA256}.png",
        f"vision/{TENANT}/{SHA256}.json",
    ],
)
def test_what_they_could_not_have_made_is_not(key):
    assert not keys.is_one_of_ours(key)


def test_only_the_name_of_a_medium_tells_its_content():
    assert [keys.content_digest(key) for key in OURS] == [SHA256, "", "", "", ""]
    assert expected_digest(LedgerEntry(OURS[0], 1, "")) == SHA256
    assert expected_digest(LedgerEntry(OURS[0], 1, "cd" * 32)) == "cd" * 32
    assert expected_digest(LedgerEntry(OURS[1], 1, "")) == ""


def test_a_key_is_foreign_outside_of_the_folders_of_known_tenants():
    tenants = {keys.owner(OURS[0])[1]}

    assert not is_foreign(OURS[0], tenants)
    assert not is_foreign(f"media/{TENANT}/anything", tenants)
    for key in ("a", "media/a/b", OURS[0].replace("8", "9"), f"media/{TENANT}/", f"{OURS[0]}\n"):
        assert is_foreign(key, tenants)


def test_any_name_can_be_shown_and_two_long_ones_stay_apart():
    assert shown(OURS[0]) == OURS[0]
    assert shown("a\nb") == "a\\nb"
    assert shown("a\udcff") == "a\\udcff"
    first, second = (shown("й" * 2000 + end) for end in "ab")
    assert len(first) == len(second) == keys.KEY_MAX_LENGTH
    assert first != second


def test_the_join_names_every_key_once_and_in_order():
    lines = [LedgerEntry(key, 1, "") for key in ["b", "c", "e"]]
    infos = [info(key) for key in ["a", "c", "d", "e", "f"]]

    pairs = [
        (p.key, p.entry is not None, p.info is not None) for p in joined(iter(lines), iter(infos))
    ]

    assert pairs == [
        ("a", False, True),
        ("b", True, False),
        ("c", True, True),
        ("d", False, True),
        ("e", True, True),
        ("f", False, True),
    ]
    assert list(joined(iter([]), iter([]))) == []


def test_markers_and_empty_folders_are_no_objects():
    listed = [info(".installation/1", 0), info("media/", 0), info("media/a"), info("x/", 3)]

    assert [one.key for one in bucket_objects(listed)] == ["media/a", "x/"]


@pytest.mark.parametrize("percent", [5, 12.5, 30, 100])
def test_windows_follow_each_other_until_every_key_was_taken(percent):
    names = [f"media/{TENANT}/{number}" for number in range(500)]
    sample, seen = Sample(percent), set()
    for _ in range(-(-100 // int(percent))):
        seen |= {name for name in names if sample.takes(name)}
        sample = Sample(percent, sample.next_start())

    assert seen == set(names)


def test_a_sample_takes_about_its_share_and_nothing_is_nothing():
    names = [f"media/{TENANT}/{number}" for number in range(2000)]

    assert 60 <= sum(Sample(5).takes(name) for name in names) <= 140
    assert not any(Sample(0).takes(name) for name in names)
