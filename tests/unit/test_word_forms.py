from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.posts.word_forms import folded, further_forms, has_further_forms, query_forms


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("уда\u0301рение", "ударение"),
        ("ё\u0301лка", "ёлка"),
        ("Се\u0300рдце, ѐ", "Сердце, е"),
        (normalize("NFD", "йод и ёж"), "йод и ёж"),
        (normalize("NFD", "café"), "café"),
        ("до\u00adставка", "доставка"),
        ("до\u0301\u00adставка", "доставка"),
        ("нера\u200bзрыв", "неразрыв"),
        ("ﬁnal", "final"),
        ("𝐒𝐚𝐥𝐞 ＡＢ", "Sale AB"),
        ("пʼять", "п'ять"),
        ("السَّلامُ", "السلام"),
        ("👨\u200d👩\u200d👧 №\u00a05…", "👨\u200d👩\u200d👧 №\u00a05…"),
    ],
)
def test_a_word_is_folded_to_how_it_is_typed(written, typed):
    assert folded(written) == folded(typed) == typed
    assert list(further_forms(written)) == ([] if written == typed else [typed])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("см. https://a.example/news тут", "a example news"),
        ("https://t.me/joinchat/AAA-b_c", "t me joinchat AAA b c"),
        ("файл report_2024.final-v2.pdf.", "report 2024 final v2 pdf"),
        ("https://ru.example/%D0%B9%00%FF?a=1", "ru example й a 1"),
        ("Конец.Начало", "Конец Начало"),
        ("у «AT&T» & Co", "ATT"),
    ],
)
def test_the_words_of_links_and_files_stand_alone(text, words):
    assert list(further_forms(text)) == [words]


def test_usual_texts_have_no_further_forms():
    assert not has_further_forms(
        "Зелёный чай. 12.05.2024 в 10:30, 24/7 – кое-что… №\u00a05 «да», it’s 5%"
    )


@pytest.mark.parametrize(
    ("asked", "forms"),
    [
        ("уда\u0301рение", ("ударение",)),
        ("https://a.example/news/", ("a.example/news/", '"a example news"')),
        ('чай -https://a.example "два слова"',
         ('чай -a.example "два слова"', 'чай -"a example" "два слова"')),
        ('"report_1.pdf"', ('"report_1.pdf"', '"report 1 pdf"')),
        ("", ("",)),
    ],
)  # fmt: skip
def test_a_query_is_read_in_the_same_forms(asked, forms):
    assert query_forms(asked) == forms


@given(st.text() | st.text('уеийё\u0300\u0301\u0306\u0308\u00ad\u200bʼѐﬁ./_%0D\0"'))
def test_no_text_breaks_it_and_what_has_forms_is_seen(text):
    forms = list(further_forms(text))
    assert has_further_forms(text) or not forms
    assert "\0" not in "".join(forms) or "\0" in text
    assert query_forms(text)
