"""Of a post the newer source counts, field by field; what it does not say, an older one may."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.posts.parsed_message import Shown
from media.posts.post_merge import merge_posts
from media.posts.post_row import PostRow

NOBODY = UUID(int=0)
AT = datetime(2026, 6, 19, tzinfo=UTC)
OLD, NEW = "2026-06-19T00:00:00Z/0000000000001", "2026-07-19T00:00:00Z/0000000000001"


def row(as_of=OLD, **columns) -> PostRow:
    usual = {
        "id": NOBODY, "tenant_id": NOBODY, "channel_id": NOBODY, "telegram_message_id": 1,
        "grouped_id": None, "source": "channel", "content": "", "content_hash": "",
        "posted_at": AT, "is_edited": False, "edited_at": None, "telegram_post_url": "",
        "urls": [], "mentions": [], "hashtags": [], "has_media": False, "media_kind": "",
        "media_state": "", "media_name": "", "post_author": "", "via_bot": "",
        "views_count": None, "forwards_count": None, "replies_count": None,
        "reactions_count": 0, "reactions": [], "reply_to_message_id": None,
        "reply_to_chat_id": None, "is_forward": False, "forward_from_name": "",
        "forward_from_chat_id": None, "forward_from_message_id": None, "forward_date": None,
        "extra": {}, "source_fingerprint": "", "as_of": as_of, "run_id": None, "older_fields": {},
    }  # fmt: skip
    return PostRow(**(usual | columns))


def poll(*votes, total=None, closed=False):
    answers = [{"text": text, "voters": voters} for text, voters in votes]
    return {"poll": {"question": "?", "closed": closed, "total_voters": total, "answers": answers}}


def both_ways(old, new, shown_old=(), shown_new=()):
    """The result of both orders, which must be one."""
    forth, shown = merge_posts(old, new, shown_old, shown_new)
    back, shown_back = merge_posts(new, old, shown_new, shown_old)
    assert replace(forth, source_fingerprint="") == replace(back, source_fingerprint="")
    assert shown == shown_back
    return forth, shown


SAID = {
    "content": ("старый", "новый"),
    "post_author": ("Ира", "Лев"),
    "media_name": ("photo_1.jpg", "photo_2.jpg"),
    "via_bot": ("@gif", "@pic"),
    "views_count": (900, 12),
    "forward_from_name": ("Было", "Стало"),
    "edited_at": (AT, AT.replace(day=20)),
}


@pytest.mark.parametrize(("column", "values"), SAID.items())
def test_what_the_newer_source_says_counts(column, values):
    old, new = (row(age, **{column: v}) for age, v in zip((OLD, NEW), values, strict=True))

    assert getattr(both_ways(old, new)[0], column) == values[1]


@pytest.mark.parametrize(("column", "values"), SAID.items())
def test_what_it_does_not_say_an_older_one_may(column, values):
    merged, _ = both_ways(row(OLD, **{column: values[0]}), row(NEW))

    # Only an empty text says something: that there is none.
    assert getattr(merged, column) == ("" if column == "content" else values[0])


def test_what_fills_a_gap_gives_way_to_what_is_less_old():
    between = "2026-07-01T00:00:00Z/0000000000001"
    filled, _ = merge_posts(row(NEW), row(OLD, views_count=900), [], [])
    merged, _ = merge_posts(filled, row(between, views_count=5), [], [])

    assert (merged.views_count, merged.as_of) == (5, NEW)
    assert merged.older_fields == {"views_count": between}


def test_fewer_reactions_are_believed_of_the_newer_source_only():
    old, new = (
        row(age, reactions_count=n, reactions=[{"kind": "emoji", "value": "👍", "count": n}])
        for age, n in ((OLD, 9), (NEW, 4))
    )

    assert both_ways(old, new)[0].reactions_count == 4


def test_votes_that_the_newer_source_does_not_know_are_kept():
    old = row(OLD, extra=poll(("Да", 3), ("Нет", 5), total=8))
    new = row(NEW, extra=poll(("Да", None), ("Нет", None), ("Не знаю", None), total=9, closed=True))

    merged, _ = both_ways(old, new)

    expected = poll(("Да", 3), ("Нет", 5), ("Не знаю", None), total=9, closed=True)
    assert merged.extra == expected


def every_order(*found: PostRow) -> list[PostRow]:
    """The results of all orders; the fingerprint says how it came, not what it is."""
    results = []
    for first, *others in itertools.permutations(found):
        merged = first
        for other in others:
            merged, _ = merge_posts(merged, other, [], [])
        results.append(replace(merged, source_fingerprint=""))
    return results


def test_votes_of_sources_of_one_age_do_not_depend_on_their_order():
    polls = (
        poll(("а", 1), ("в", 3), total=4),
        poll(("а", 3), total=9),
        poll(("а", 0), ("г", 0), total=0),
    )

    first, *others = every_order(*(row(extra=p) for p in polls))

    assert all(other == first for other in others)
    assert [a["voters"] for a in first.extra["poll"]["answers"]] == [1, None]


def test_votes_for_an_answer_that_is_gone_are_not_lost():
    gone, without, back = (
        row(age, extra=poll(*votes))
        for age, votes in (
            (OLD, [("а", 1), ("в", 3)]),
            (NEW, [("а", None)]),
            ("2026-08-19T00:00:00Z/0000000000001", [("а", None), ("в", None)]),
        )
    )

    between, _ = both_ways(gone, without)
    after, _ = both_ways(between, back)

    assert between.extra["poll"]["other_votes"] == {"в": 3}
    assert after.extra == poll(("а", 1), ("в", 3))


@pytest.mark.parametrize("ages", [(OLD, NEW), (NEW, OLD), (OLD, OLD)])
@pytest.mark.parametrize("other", [None, 7])
def test_a_chat_that_is_replied_to_without_a_message_is_said_as_well(ages, other):
    one = row(ages[0], reply_to_chat_id=-1009)
    two = row(ages[1], reply_to_message_id=other)

    merged, _ = both_ways(one, two)

    by_one = other is None or ages[0] > ages[1]
    expected = (None, -1009) if by_one else (7, None)
    assert (merged.reply_to_message_id, merged.reply_to_chat_id) == expected


@pytest.mark.parametrize(
    "said",
    [{"reactions": [{"count": 0}]}, {"has_media": True}, {"is_edited": True}],
)
def test_what_only_a_second_column_says_does_not_depend_on_the_order(said):
    column, value = next(iter(said.items()))
    for ages in ((OLD, NEW), (NEW, OLD), (OLD, OLD)):
        merged, _ = both_ways(row(ages[0], **said), row(ages[1]))
        assert getattr(merged, column) == value


def test_what_is_null_is_kept_as_null():
    said = poll(("Да", None), total=None, closed=None) | {"place": {"name": ""}, "note": ""}

    merged, _ = both_ways(row(OLD, extra=said), row(NEW, extra=said))

    assert merged.extra == said


def test_votes_of_the_newer_source_replace_older_ones():
    old = row(OLD, extra=poll(("Да", 7), ("Нет", 5), total=12) | {"place": {"name": "Порт"}})
    new = row(NEW, extra=poll(("Да", 3), ("Нет", 5), total=8))

    merged, _ = both_ways(old, new)

    assert merged.extra == poll(("Да", 3), ("Нет", 5), total=8) | {"place": {"name": "Порт"}}


def test_a_stored_file_outweighs_the_newer_sources_lack_of_it():
    old = row(OLD, media_state="stored", media_kind="photo", has_media=True, media_name="a.jpg")
    new = row(NEW, media_state="not_included", media_kind="photo", has_media=True)

    merged, shown = both_ways(old, new, [Shown("a", "primary")])

    assert (merged.media_state, merged.media_name) == ("stored", "a.jpg")
    assert shown == [Shown("a", "primary")]


def test_the_newer_file_counts_with_its_own_thumbnail_only():
    stored = {"media_state": "stored", "media_kind": "video", "has_media": True}
    older = [Shown("a", "primary"), Shown("t", "thumbnail")]

    _, replaced = both_ways(row(OLD, **stored), row(NEW, **stored), older, [Shown("b", "primary")])
    _, same = both_ways(row(OLD, **stored), row(NEW, **stored), older, [Shown("a", "primary")])

    assert replaced == [Shown("b", "primary")]
    assert same == older


def test_of_two_files_of_the_same_age_the_whole_one_counts():
    stored = {"media_state": "stored", "media_kind": "photo", "has_media": True}
    whole = Shown.of("a", "primary", size_bytes=500, defect="")
    for sha256, size, defect in (("b", 900, "broken_image"), ("c", 400, "")):
        other = Shown.of(sha256, "primary", size_bytes=size, defect=defect)
        assert both_ways(row(**stored), row(**stored), [whole], [other])[1] == [whole]


def test_a_zone_that_had_to_be_chosen_goes_with_its_time():
    old = row(OLD, posted_at=AT.replace(hour=3), extra={"zone": "Europe/Moscow"})

    merged, _ = both_ways(old, row(NEW))

    assert (merged.posted_at, merged.extra) == (AT, {})


@st.composite
def sources(draw):
    """A post as one source has it. A file that was replaced does not come back later."""
    age = draw(st.sampled_from(["", "1", "2", "3", "4"]))
    content = draw(st.sampled_from(["", "a", "bb"]))
    number = st.sampled_from([None, 0, 5])
    file = draw(st.sampled_from(["", "A" if age < "3" else "B"]))
    thumb = draw(st.sampled_from(["", f"t{file}1", f"t{file}2"])) if file else ""
    votes = draw(st.sampled_from([None, 1, 4]))
    reactions = draw(st.sampled_from([0, 2, 7]))
    texts = draw(st.sampled_from(["xy", "x", "xz", "yxz"]))
    said = poll(*((text, draw(number) if votes else None) for text in texts), total=votes)
    state = "stored" if file else draw(st.sampled_from(["", "missing", "not_included"]))
    made = row(
        age,
        content=content,
        urls=draw(st.sampled_from([[], ["https://x"]])),
        posted_at=AT.replace(hour=draw(st.integers(0, 1))),
        edited_at=draw(st.sampled_from([None, AT])),
        views_count=draw(number),
        forwards_count=draw(number),
        media_state=state,
        media_kind="photo" if state else "",
        has_media=bool(state),
        media_name=draw(st.sampled_from(["", "x", "y"])),
        reactions_count=reactions,
        reactions=[{"count": reactions}] if reactions else [],
        forward_from_name=draw(st.sampled_from(["", "p", "q"])),
        extra=draw(st.sampled_from([{}, {"zone": "UTC"}, {"game": {"title": "g"}}, {"game": None}]))
        | draw(st.sampled_from([{}, said])),
        reply_to_message_id=draw(number),
        reply_to_chat_id=draw(st.sampled_from([None, -1009, -1008])),
        grouped_id=draw(st.sampled_from([None, -1, -2, 7])),
    )
    shown = [Shown(file, "primary")] if file else []
    shown += [Shown(thumb, "thumbnail")] if thumb else []
    # As of an export: the same message has the same fingerprint, however old the export is.
    return replace(made, source_fingerprint=repr((replace(made, as_of=""), shown))), shown


def add(stored, shown, other, its_shown):
    """What an import does: it skips what has the same fingerprint, and notes the newer age."""
    if stored.source_fingerprint == other.source_fingerprint:
        return replace(stored, as_of=max(stored.as_of, other.as_of)), shown
    return merge_posts(stored, other, shown, its_shown)


@pytest.mark.costly
@given(st.lists(sources(), min_size=2, max_size=3))
@settings(max_examples=50)
def test_the_order_of_the_sources_does_not_matter(found):
    unchanged, shown = found[0]
    found = [*found, (replace(unchanged, as_of="2" if unchanged.as_of < "3" else "5"), shown)]
    results = []
    for order in itertools.permutations(found):
        merged, shown = order[0]
        for other, its_shown in order[1:] + order[:2]:
            merged, shown = add(merged, shown, other, its_shown)
        results.append((replace(merged, source_fingerprint=""), shown))

    assert all(result == results[0] for result in results), results


@given(sources(), sources())
def test_what_was_merged_before_changes_nothing(one, other):
    merged, shown = merge_posts(one[0], other[0], one[1], other[1])

    for again, its_shown in (one, other, (merged, shown)):
        assert merge_posts(merged, again, shown, its_shown) == (merged, shown)
