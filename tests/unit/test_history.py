"""What a post was at any instant: pure, so tried with many histories in all orders."""

import json
import random
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.history.counts.growth import Day
from media.history.counts.schedule import bucket_of, due_after, next_reading
from media.history.record import mass_deletions
from media.history.record.origins import moment_of, without_reading
from media.history.timeline import (
    Deleted,
    Event,
    Said,
    Shown,
    deletions,
    shown_at,
    versions,
)
from media.posts import content as contents

POSTED = datetime(2026, 6, 19, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = "a" * 64, "b" * 64


def at(hours: float) -> datetime:
    return POSTED + hours * HOUR


def content(text="x", **said) -> dict:
    return {"text": text, "formatting": [], "media": "", "files": []} | said


def said(hours, content, *, edited=None, source="export:1", until=None) -> Said:
    last = at(hours if until is None else until)
    return Said(at(hours), last, None if edited is None else at(edited), content, source)


def told(found) -> list:
    return [((v.shown_from - POSTED) / HOUR, v.content["text"], v.is_exact) for v in found]


class TestVersions:
    def test_a_post_that_never_changed_has_one_from_the_time_of_the_post(self):
        found = versions(POSTED, [said(5, content()), said(9, content(), source="export:2")])

        assert told(found) == [(0, "x", True)]
        assert found[0].sources == ["export:1", "export:2"]

    def test_an_edit_counts_from_its_time_not_from_when_it_was_seen(self):
        found = versions(POSTED, [said(5, content("x")), said(9, content("y"), edited=6)])

        assert told(found) == [(0, "x", True), (6, "y", True)]

    def test_a_change_without_an_edit_counts_from_when_it_was_first_seen(self):
        found = versions(POSTED, [said(5, content("x")), said(9, content("y"))])

        assert told(found) == [(0, "x", True), (9, "y", False)]

    def test_a_text_that_comes_back_is_a_version_again(self):
        texts = [said(5, content("x")), said(7, content("y")), said(9, content("x"))]

        assert [text for _, text, _ in told(versions(POSTED, texts))] == ["x", "y", "x"]

    def test_a_text_that_was_seen_before_and_after_another_one_is_two_versions(self):
        texts = [said(1, content("x"), until=9), said(5, content("y"))]

        assert told(versions(POSTED, texts)) == [(0, "x", True), (5, "y", False), (9, "x", False)]

    def test_an_edit_that_changes_nothing_is_no_version(self):
        found = versions(POSTED, [said(5, content()), said(9, content(), edited=8)])

        assert told(found) == [(0, "x", True)]

    def test_a_file_that_a_source_does_not_have_is_filled_from_another(self):
        bare = {k: v for k, v in content(media="photo").items() if k != "files"}
        whole = content(media="photo", files=[A])

        for texts in ([bare, whole], [whole, bare]):
            found = versions(POSTED, [said(n, one) for n, one in enumerate(texts, start=5)])
            assert [v.content["files"] for v in found] == [[A]]

    def test_a_file_that_one_source_of_an_edit_lacks_is_that_of_the_edit_not_the_one_before(self):
        bare = {k: v for k, v in content(media="photo").items() if k != "files"}
        old, new = (content(media="photo", files=[file]) for file in (A, B))

        found = versions(POSTED, [said(1, old), said(9, bare, edited=6), said(28, new, edited=6)])

        assert [v.content["files"] for v in found] == [[A], [B]]
        assert told(found)[1] == (6, "x", True)
        # As it is stored where the source that has the file came first.
        filled = [said(1, old), said(9, new, edited=6), said(28, new, edited=6)]
        assert told(found) == told(versions(POSTED, filled))

    def test_another_file_is_another_version(self):
        texts = [said(5, content(media="photo", files=[A]))]
        texts += [said(9, content(media="photo", files=[B]), edited=8)]

        assert [v.content["files"] for v in versions(POSTED, texts)] == [[A], [B]]

    def test_formatting_alone_is_a_version(self):
        texts = [said(5, content()), said(9, content(formatting=[[0, 1, "bold"]]), edited=8)]

        assert len(versions(POSTED, texts)) == 2

    def test_the_file_is_kept_where_only_the_text_is_said_to_change(self):
        bare = {k: v for k, v in content("y", media="photo").items() if k != "files"}
        texts = [said(5, content(media="photo", files=[A])), said(9, bare, edited=8)]

        assert versions(POSTED, texts)[-1].content["files"] == [A]

    @given(st.integers(0, 2**32))
    def test_neither_order_nor_repetition_matters(self, seed):
        chance = random.Random(seed)
        texts = [
            Said(
                at(first),
                at(first + chance.choice((0, 0, 2))),
                chance.choice((None, at(1), at(2))),
                _at_random(chance),
                f"export:{chance.randrange(3)}",
            )
            for first in chance.choices(range(2, 9), k=chance.randint(1, 6))
        ]
        expected = versions(POSTED, texts)
        mixed = chance.sample(texts, len(texts)) + chance.choices(texts, k=2)

        found = versions(POSTED, mixed)

        assert [(v.shown_from, v.content) for v in found] == [
            (v.shown_from, v.content) for v in expected
        ]
        times = [v.shown_from for v in found]
        assert times == sorted(times)
        assert {v.content["text"] for v in found} <= {s.content["text"] for s in texts}

    @given(st.integers(0, 2**32))
    def test_each_content_that_was_said_is_shown_by_some_version(self, seed):
        chance = random.Random(seed)
        texts = [said(n, _at_random(chance), edited=n - 1) for n in range(2, 7)]

        found = versions(POSTED, texts)

        for one in texts:
            assert any(contents.compatible(v.content, one.content) for v in found)


def _at_random(chance: random.Random) -> dict:
    made = content(chance.choice("xyz"), media="photo", files=[chance.choice((A, B))])
    for name in ("files", "formatting"):
        if chance.random() < 0.3:
            del made[name]
    return made


class TestHash:
    def test_it_is_that_of_the_documented_json(self):
        made = content("Привет", formatting=[[0, 6, "bold"]], media="photo", files=[A])
        text = '{"files":["' + A + '"],"formatting":[[0,6,"bold"]],"media":"photo","text":"Привет"}'

        assert contents.content_hash(made) == sha256(text.encode()).hexdigest()
        assert json.loads(text) == made

    def test_what_is_not_known_is_null(self):
        text = '{"files":null,"formatting":null,"media":"photo","text":""}'

        found = contents.content_hash({"text": "", "media": "photo"})

        assert found == sha256(text.encode()).hexdigest()

    def test_a_text_that_is_no_unicode_has_one_too(self):
        assert len(contents.content_hash(content("\ud800"))) == 64

    @given(st.integers(0, 3), st.sampled_from(["", "0" * 32]))
    def test_what_a_row_says_of_it_can_be_read_again(self, gaps, key):
        assert contents.read_said_as(contents.said_as(gaps, key)) == (gaps, key)


class TestDeletions:
    def test_a_post_that_later_exports_lack_was_deleted_by_the_first_of_them(self):
        events = [(at(1), Event.PRESENT), (at(5), Event.ABSENT), (at(9), Event.ABSENT)]

        assert deletions(events) == [Deleted(at(5), None, "absent")]

    def test_one_that_is_seen_again_is_back(self):
        events = [(at(1), Event.PRESENT), (at(5), Event.DELETED), (at(9), Event.PRESENT)]

        assert deletions(events) == [Deleted(at(5), at(9), "live")]

    def test_of_two_exports_of_an_instant_the_one_that_has_it_counts(self):
        assert deletions([(at(5), Event.ABSENT), (at(5), Event.PRESENT)]) == []

    def test_a_deletion_at_the_instant_of_the_last_sight_counts(self):
        [found] = deletions([(at(5), Event.DELETED), (at(5), Event.PRESENT)])

        assert (found.since, found.until) == (at(5), None)


class TestMoments:
    known = versions(POSTED, [said(5, content("x"), edited=1), said(9, content("y"), edited=8)])

    @pytest.mark.parametrize(
        ("hours", "shown", "text"),
        [
            (-1, Shown.NOT_YET, None),
            (0.5, Shown.UNKNOWN, None),  # it was edited at 1, and what it was before is not known
            (1, Shown.VERSION, "x"),
            (7.99, Shown.VERSION, "x"),
            (8, Shown.VERSION, "y"),
            (10, Shown.DELETED, "y"),
            (11.9, Shown.DELETED, "y"),
            (12, Shown.VERSION, "y"),
        ],
    )
    def test_each_is_said_clearly(self, hours, shown, text):
        deleted = [Deleted(at(10), at(12), "live")]
        zone = datetime.fromisoformat("2026-01-01T00:00:00+05:30").tzinfo

        found, version = shown_at(
            at(hours).astimezone(zone), posted_at=POSTED, versions=self.known, deleted=deleted
        )

        assert (found, version and version.content["text"]) == (shown, text)


class TestSchedule:
    def test_readings_thin_out_with_age(self):
        ages = [timedelta(minutes=10 * n) for n in range(60_000)]
        gaps = [next_reading(age) for age in ages]

        assert gaps == sorted(gaps)
        assert gaps[0] == timedelta(minutes=10)
        assert gaps[-1] == timedelta(days=365)

    def test_whoever_keeps_to_it_has_a_bounded_history(self):
        now, kept, readings = POSTED, set(), 0
        while now < POSTED + timedelta(days=364):
            kept.add(bucket_of(now - POSTED))
            readings += 1
            now = due_after(now, posted_at=POSTED)

        assert readings <= len(kept) + 2  # each reading has an interval of its own, nearly
        assert len(kept) <= 53

    def test_intervals_follow_each_other_without_a_hole(self):
        found = [bucket_of(timedelta(minutes=5 * n)) for n in range(120_000)]

        assert found == sorted(found)
        assert set(found) == set(range(found[-1] + 1))

    def test_a_reading_before_the_post_is_one_of_its_first(self):
        assert bucket_of(timedelta(days=-1)) == 0
        assert bucket_of(timedelta(days=365 * 10**5)) <= 32_767


class TestWaves:
    def test_deletions_close_to_each_other_are_one_wave(self):
        by_time = [(at(0), 3), (at(0.5), 4), (at(1.4), 1), (at(3), 2)]

        found = mass_deletions.waves(by_time, within=HOUR)

        assert [(w.first_at, w.last_at, w.posts) for w in found] == [
            (at(0), at(1.4), 8), (at(3), at(3), 2),
        ]  # fmt: skip


def test_the_moment_of_an_export_is_in_its_age_and_its_reading_is_not_a_part_of_its_name():
    age = "2026-06-19T11:26:50Z/0000000000012/004"

    assert moment_of(age) == datetime(2026, 6, 19, 11, 26, 50, tzinfo=UTC)
    assert without_reading(age) == "2026-06-19T11:26:50Z/0000000000012"
    assert moment_of("") is None


@pytest.mark.parametrize("day", [date.min, date(2026, 3, 29), date.max])
def test_any_day_that_can_be_asked_for_has_a_beginning_and_an_end(day):
    for zone in ("Pacific/Kiritimati", "Europe/Berlin", "Pacific/Pago_Pago"):
        found = Day.of(day, ZoneInfo(zone))

        assert found.start < found.end
        assert found.start.date() == day
