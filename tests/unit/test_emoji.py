"""Emoji as words: the same one in every look, and nothing else."""

import pytest

from search import emoji
from search.documents import Sources, asked_form, document_of


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("❤️", "❤"),  # with a variation selector
        ("👍🏿", "👍"), ("👍🏻", "👍🏿"),  # colors of skin
        ("🤷🏽‍♂️", "🤷‍♂"), ("🤷🏽‍♂️", "🤷"),  # joined; and its first part
        ("🇷🇺🇺🇸", "🇺🇸"),  # flags side by side
        ("❤️‍🔥", "❤️‍🔥"), ("👨‍👩‍👧", "👨‍👩‍👧"), ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏴"),
        ("⭐", "⭐️"), ("⏰", "⏰"), ("☎️", "☎"), ("🫩", "🫩"),  # the last one is of 2024
    ],
)  # fmt: skip
def test_the_same_emoji_has_the_same_word(written, asked):
    [word] = asked_form(asked).split()

    assert word in emoji.words_in(f"текст{written}текст")
    assert word in document_of(Sources(text=f"Пост {written}!")).emoji.split()


@pytest.mark.parametrize(
    ("written", "asked"),
    [("👩", "👨"), ("🔥", "❤️‍🔥"), ("🇷🇺", "🇺🇸"), ("👧", "👨‍👩‍👧"), ("👍", "👎")],
)
def test_different_ones_have_different_words(written, asked):
    assert not {*emoji.words_in(written)} & {*asked_form(asked).split()}


@pytest.mark.parametrize(
    "text", ["", "№ 5 → 7", "a–b ©®™ §", "• пункт", "1️⃣", 'C++ 27"', "\ufe0f", "\u200d"]
)
def test_signs_and_letters_are_no_emoji(text):
    assert emoji.words_in(text) == ()
    assert document_of(Sources(text=text)).emoji == ""


def test_each_counts_once_and_not_more_than_some():
    assert emoji.words_in("🔥🔥 🔥") == ("emoji1f525",)
    assert len(emoji.words_in("".join(map(chr, range(0x1F400, 0x1F600))))) == emoji.MOST


def test_a_text_without_them_is_indexed_as_before():
    plain = document_of(Sources(text="слово", other_words="файл pdf"))

    assert (plain.words, plain.others, plain.emoji) == ("слово", "файл pdf", "")


def test_marks_stand_around_those_that_match():
    words = emoji.words_in("👍")

    assert emoji.marked("да 👍🏿 и 🔥", words, "<", ">") == "да <👍🏿> и 🔥"
    assert emoji.marked("да 👍", ("слово",), "<", ">") == "да 👍"
