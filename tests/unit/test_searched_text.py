from types import SimpleNamespace
from unicodedata import normalize

from hypothesis import given
from hypothesis import strategies as st

from media.posts.searched_text import OTHER_WORDS_CHARS, TextPart, other_words, text_parts

EXTRA = {
    "buttons": [{"text": "Записаться", "url": "https://e.org"}, {"url": "https://e.org"}],
    "place": {"name": "Причал", "address": "Набережная, 5"},
    "game": {"title": "Змейка", "description": "Ешь яблоки", "link": "https://e.org"},
    "invoice": {"title": "Взнос", "description": None, "amount": 5},
    "giveaway_results": {"additional_prize": "Весло"},
    "performer": "Хор",
    "title": "Бурлаки",
    "files": ["карта_реки-2024.jpg", ""],
    "unknown": {"brand_new": "не искать"},
    "poll": {"question": "стоит в тексте"},
}


def post(content="", media_name="", extra=None):
    return SimpleNamespace(content=content, media_name=media_name, extra=extra or {})


def test_the_parts_come_in_the_order_of_reading():
    parts = text_parts(post("Текст", "Смета.pdf", EXTRA), picture_words="Стоянка запрещена")

    assert parts == (
        TextPart("text", "Текст"),
        TextPart("audio", "Хор"),
        TextPart("audio", "Бурлаки"),
        TextPart("place", "Причал"),
        TextPart("place", "Набережная, 5"),
        TextPart("game", "Змейка"),
        TextPart("game", "Ешь яблоки"),
        TextPart("invoice", "Взнос"),
        TextPart("giveaway", "Весло"),
        TextPart("button", "Записаться"),
        TextPart("file", "Смета.pdf"),
        TextPart("file", "карта_реки-2024.jpg"),
        TextPart("picture", "Стоянка запрещена"),
    )


def test_the_other_words_are_all_but_the_text_and_name_the_words_of_files():
    words = other_words(post("Текст", "Смета_ремонта.v2.pdf", EXTRA))

    assert "Текст" not in words
    assert "не искать" not in words
    assert words.split("\n")[-4:] == [
        "Смета_ремонта.v2.pdf", "Смета ремонта v2 pdf", "карта_реки-2024.jpg", "карта реки 2024 jpg"
    ]  # fmt: skip


def test_each_track_is_found():
    extra = {"title": "Ока", "more_tracks": [{"performer": "Хор", "title": "Волга"}, {}, 5]}

    assert other_words(post("Текст", extra=extra)) == "Ока\nХор\nВолга"


def test_what_a_button_copies_or_asks_is_found():
    buttons = [{"text": "Взять", "copy_text": "КОД"}, {"query": "запрос"}, {"data": "нет"}]

    assert other_words(post("Текст", extra={"buttons": buttons})) == "Взять\nКОД\nзапрос"


def test_a_decomposed_text_is_found_as_people_type_it():
    assert other_words(post(normalize("NFD", "Зелёный чай"))) == "Зелёный чай"
    assert other_words(post(media_name=normalize("NFD", "чай.txt"))) == "чай.txt\nчай txt"


def test_the_address_behind_a_word_is_searched():
    extra = {"formatting": [[0, 3, "text_link", "https://hidden.example/secret"], [4, 2, "bold"]]}

    words = other_words(post("тут и там", extra=extra)).split()

    assert {"https://hidden.example/secret", "hidden", "secret"} <= set(words)
    odd = {"formatting": [[0, 1, "text_link"], [0, 1, "text_link", None], 5, [], {"a": 1}]}
    assert other_words(post("тут", extra=odd)) == ""


def test_most_posts_have_no_other_words():
    assert other_words(post("Зелёный чай", extra={"zone": "UTC", "contact": True})) == ""


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*EXTRA, "name", "text", "additional_prize"]), inner, max_size=4),
)  # fmt: skip


@given(extra=st.dictionaries(st.sampled_from(sorted(EXTRA)), JSON), name=st.text())
def test_no_shape_of_the_extra_breaks_it(extra, name):
    assert len(other_words(post("a", name, extra))) <= OTHER_WORDS_CHARS
