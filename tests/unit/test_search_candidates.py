"""Weeks and words by which candidates are chosen: nothing of a stretch of time or a query is left out."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from search.index.postgresql.candidates.selection import any_word, part_of_the_words
from search.index.postgresql.candidates.weeks import Week, spans, take, weeks_of
from search.index.postgresql.vocabulary import Term
from search.query_terms import Filters

LEVEL = 100_000
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def keys_of(week):
    """What `search_keys` gives a post of this week."""
    return {level * LEVEL + week // 4**level for level in range(5)}


@given(first=st.integers(0, 4095), length=st.integers(0, 4095), data=st.data())
def test_a_span_has_all_its_weeks_and_no_other(first, length, data):
    last = min(4095, first + length)
    found = {*spans(first, last)}
    near = [first - 1, first, first + 1, last - 1, last, last + 1]
    weeks = [*near, *data.draw(st.lists(st.integers(0, 4095), max_size=50))]

    for week in weeks:
        if 0 <= week <= 4095:
            assert bool(keys_of(week) & found) == (first <= week <= last), week
    assert len(found) <= 40


def test_no_span_is_no_key():
    assert spans(7, 6) == []


def test_weeks_are_taken_until_they_have_enough_posts():
    weeks = [Week(9, 5), Week(7, 5), Week(3, 5)]

    assert take(weeks, posts=6) == (weeks[:2], weeks[2:])
    assert take(weeks, posts=0.1) == (weeks[:1], weeks[1:])
    assert take(weeks, posts=99) == (weeks, [])


def test_conditions_on_dates_are_weeks():
    first, last = weeks_of(Filters(posted_from=MONDAY, posted_before=MONDAY + timedelta(days=8)))
    of_days = weeks_of(Filters(periods=((MONDAY, MONDAY + timedelta(days=1)),)))

    assert last - first in {1, 2}
    assert of_days[0] == first
    assert weeks_of(Filters(posted_from=MONDAY)) == (first, 4095)
    assert weeks_of(Filters(posted_before=datetime(1960, 1, 1, tzinfo=UTC))) == (0, 0)
    assert weeks_of(Filters()) is None


def term(name, weight, posts=10):
    return Term(name, name, (name, f"{name}2"), posts, 1000, weight)


def holds(tsquery, words):
    """Whether a post with these words fulfils the tsquery."""
    python = tsquery.replace("|", " or ").replace("&", " and ")
    for letter in "abcdefgh":
        python = python.replace(f"'{letter}2'", "False").replace(
            f"'{letter}'", str(letter in words)
        )
    return eval(python)  # noqa: S307 - words of this test and operators


@given(weights=st.lists(st.floats(0.1, 9), min_size=1, max_size=6), data=st.data())
def test_half_of_the_words_is_half_of_their_weight(weights, data):
    terms = [term(name, weight) for name, weight in zip("abcdef", weights, strict=False)]
    words = data.draw(st.sets(st.sampled_from([one.lexeme for one in terms])))

    selection = part_of_the_words(terms, 0.5)

    weight = sum(one.weight for one in terms if one.lexeme in words)
    need = sum(weights) / 2
    if abs(weight - need) > 1e-6:
        assert holds(selection.tsquery, words) == (weight > need)
    assert 0 <= selection.share <= 1


def test_of_many_words_the_heaviest_are_combined():
    terms = [term(name, weight=place) for place, name in enumerate("abcdefgh", start=1)]

    tsquery = part_of_the_words(terms, 0.5).tsquery

    assert holds(tsquery, {"h", "g", "f"})
    assert not holds(tsquery, {"a", "b"})


def test_any_word_counts_all_posts_that_may_have_one():
    assert any_word([term("a", 1, 10), term("b", 1, 30)]).share == 0.04
    assert any_word([term("a", 1, 900), term("b", 1, 900)]).share == 1
