"""Promises of the query language that hold for any text."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.query import vocabulary
from search.query.parse import MOST_CHARS, MOST_ITEMS, parse
from search.query.parsed import ParsedQuery
from search.query.printing import items_of, print_query
from search.query.problems import ProblemCode, explain
from tests.examples import examples

NOW = datetime(2026, 11, 26, 22, 30, tzinfo=UTC)
ZONES = [UTC, ZoneInfo("Europe/Moscow"), ZoneInfo("Africa/Cairo"), timezone(timedelta(hours=-11))]
EXAMPLES = 200
MANY = 10_000
OF_THE_WHOLE = {ProblemCode.TOO_LONG, ProblemCode.TOO_MANY, ProblemCode.EMPTY_PERIOD}

names = st.sampled_from(
    [name for one, others in vocabulary.QUALIFIERS.items() for name in (str(one), *others)]
    + ["foo", "https", "ＨＡＳ", "Канал", ""]
)
values = st.sampled_from(
    [
        "meme", "персона", "видео", "photo", "text", "ru", "русский", "2026", "2026-11", "2026-11-01", "7d", "1м",
        "сегодня", "9999", "2026-02-30", "@durov", "-1001234567890", "12345", "t.me/c/1/2", "Иван",
        "#тег", "", ",", '"a b"', '«a "b" c»', "„a»b“", '"', "“", "x;", "a:b", "-", "0d",
    ]
)  # fmt: skip
closed = values.filter(lambda value: value not in {'"', "“"})
syntax = st.sampled_from(
    [*'-–—#:"«»“”„「」()@/.,;+', " ", "  ", "\n", "\x00", "\u200b", "\u200d", "\u202e", "\ufeff",
     "：", "＃", "－", "＂", "−", "\ud800", "\udfff", "\u0301", "\u0338", "й", "и\u0306", "ё", "👨", "5", "ab"]
)  # fmt: skip
anything = st.text(st.characters(exclude_categories=()), max_size=6)
qualifiers = st.builds("{}{}:{}{}".format, st.sampled_from(["", "-", " "]), names, values, syntax)
conditions = st.builds("{}{}:{}".format, st.sampled_from(["", "-"]), names.filter(bool), closed)
hostile = st.lists(syntax | anything | qualifiers, max_size=10).map("".join)
spaced = st.lists(qualifiers | anything | syntax, max_size=10).map(" ".join)
long_ones = st.builds("{}{}".format, hostile, spaced).map(lambda text: text * 40)
texts = hostile | spaced | long_ones

plain_words = st.text(
    st.characters(categories=["Lu", "Ll", "Lo", "Nd"], max_codepoint=0xFFFF),
    min_size=1,
    max_size=10,
).map(lambda word: unicodedata.normalize("NFC", word))


def read(text: str) -> ParsedQuery:
    return parse(text, now=NOW, zone=ZONES[1])


def _check_round_trip(text, zone):
    found = parse(text, now=NOW, zone=zone)
    printed = print_query(found)

    again = parse(printed, now=NOW + timedelta(days=400), zone=zone)

    assert again == found
    assert print_query(again) == printed
    assert {problem.code for problem in again.problems} <= {ProblemCode.EMPTY_PERIOD}


@settings(max_examples=examples(EXAMPLES))
@given(texts, st.sampled_from(ZONES))
def test_the_printed_query_is_read_as_the_same_query_on_any_later_day(text, zone):
    _check_round_trip(text, zone)


@pytest.mark.long
@settings(max_examples=MANY)
@given(texts, st.sampled_from(ZONES))
def test_ten_thousand_printed_queries_are_read_as_the_same_ones(text, zone):
    _check_round_trip(text, zone)


def _check_fit_for_a_database(text):
    found = read(text)

    printed = print_query(found)
    shown = printed + "".join(problem.text for problem in found.problems)
    assert len(printed) <= MOST_CHARS
    assert len(list(items_of(found))) <= MOST_ITEMS
    assert unicodedata.is_normalized("NFC", printed)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cs"}
    assert not {char for char in shown if unicodedata.category(char) == "Cf"} - {"\u200d"}
    shown.encode()


@settings(max_examples=examples(EXAMPLES))
@given(texts)
def test_what_is_read_is_bounded_and_can_be_stored(text):
    _check_fit_for_a_database(text)


@pytest.mark.long
@settings(max_examples=MANY)
@given(texts)
def test_what_is_read_of_ten_thousand_texts_is_bounded_and_can_be_stored(text):
    _check_fit_for_a_database(text)


@settings(max_examples=examples(EXAMPLES))
@given(hostile | spaced)
def test_what_stands_at_the_place_of_a_problem_has_it(text):
    for problem in read(text).problems:
        assert 0 <= problem.start < problem.end <= len(text)
        assert explain(problem).message
        if problem.code not in OF_THE_WHOLE:
            [alone] = read(text[problem.start : problem.end]).problems
            assert (alone.code, alone.text) == (problem.code, problem.text)


@settings(max_examples=examples(EXAMPLES))
@given(st.lists(plain_words, max_size=20))
def test_words_are_words(words):
    expected = tuple(dict.fromkeys(words))

    assert read(" ".join(words)) == ParsedQuery(terms=expected)
    assert read(" ".join(f"-{word}" for word in words)).excluded.terms == expected
    assert read(" ".join(f'"{word}"' for word in words)).phrases == expected


@settings(max_examples=examples(EXAMPLES))
@given(st.lists(syntax | plain_words | qualifiers, max_size=8).map("".join))
def test_the_normal_form_of_the_text_makes_no_difference(text):
    assert read(unicodedata.normalize("NFD", text)) == read(unicodedata.normalize("NFC", text))


@settings(max_examples=examples(EXAMPLES))
@given(
    st.lists(syntax | plain_words | qualifiers, max_size=8),
    st.sampled_from("\u200b\u200f\u2066\u00ad"),
)
def test_invisible_characters_make_no_difference(parts, invisible):
    text = "".join(parts).replace("\u200d", "")

    assert read(invisible.join(text)) == read(text)


@settings(max_examples=examples(EXAMPLES))
@given(
    st.lists(conditions, max_size=8).flatmap(
        lambda some: st.tuples(st.just(some), st.permutations(some))
    )
)
def test_the_order_of_conditions_makes_no_difference(two_orders):
    one, other = (read(" ".join(some)) for some in two_orders)

    assert one.filters == other.filters
    assert one.excluded.filters == other.excluded.filters


@settings(max_examples=examples(EXAMPLES))
@given(st.lists(plain_words, min_size=1, max_size=5), values.filter(str.strip))
def test_an_exclusion_adds_nothing_that_is_looked_for(words, value):
    found = read(" ".join([*words, f"-есть:{value}"]))

    assert found.filters == read("").filters
