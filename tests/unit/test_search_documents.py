"""The document of a post and the words of queries: pure functions, from the user's side."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.documents import (
    DESCRIPTION_CHARS,
    OCR_CHARS,
    POST_CHARS,
    Sources,
    cut_at_word,
    document_of,
    tags_in,
)
from search.fragments import CHARS, START, STOP, fragment_of
from search.fusion import FEEDBACK, WINDOW, reciprocal_ranks, towards
from search.index.port import Scope
from search.query.parsed import Part, State
from search.query_terms import Filters, Query
from search.services import asked
from search.words import corrections, distance, similarity, trigrams

ANY_TEXT = st.text(max_size=300)


class TestPassage:
    def test_capitals_of_a_picture_are_read_as_people_write(self):
        shouted = document_of(Sources(ocr_text="СКИДКА НА ДИВАНЫ\nСергей и IT-отдел пишут\nСША"))

        assert shouted.passage == "скидка на диваны Сергей и IT-отдел пишут сша"
        assert "СКИДКА" in shouted.pictures
        assert document_of(Sources(text="СКИДКА НА ДИВАНЫ")).passage == "СКИДКА НА ДИВАНЫ"

    def test_links_are_not_embedded_and_their_neighbors_are(self):
        document = document_of(Sources(text="Вышел Django https://djangoproject.com/x 6\nсегодня"))

        assert document.passage == "Вышел Django 6 сегодня"

    def test_each_part_has_its_limit(self):
        document = document_of(
            Sources(text="а" * 9000, description="б" * 9000, ocr_text="в" * 9000)
        )

        lengths = [len(part) for part in document.passage.split("\n")]
        assert lengths == [POST_CHARS, DESCRIPTION_CHARS, OCR_CHARS]

    def test_a_picture_without_text_is_embedded_by_what_is_seen_in_it(self):
        document = document_of(Sources(description="Кот на окне", labels=["кот"], ocr_text="МЯУ"))

        assert document.passage == "Кот на окне кот\nмяу"

    def test_every_item_of_an_album_inherits_the_caption(self):
        item = document_of(Sources(album_caption="Поход на Эльбрус #горы"))

        assert item.passage == "Поход на Эльбрус #горы"
        assert item.tags == ("горы",)
        assert item.caption == "Поход на Эльбрус #горы"

    def test_the_item_with_the_caption_has_it_once(self):
        item = document_of(Sources(text="Поход", album_caption="Поход"))

        assert (item.words, item.caption, item.passage) == ("Поход", "", "Поход")

    def test_an_empty_post_has_nothing_to_embed(self):
        assert document_of(Sources(text=" \n ")).passage == ""

    @given(ANY_TEXT, ANY_TEXT)
    def test_any_text_has_a_document_without_nul_that_hashes(self, text, caption):
        document = document_of(Sources(text=text, album_caption=caption))

        assert "\0" not in document.passage + document.words + document.caption
        assert len(document.text_hash) == len(document.document_hash) == 64


class TestHashes:
    def test_words_in_pictures_change_the_document_and_not_the_meaning_of_its_text(self):
        before = document_of(Sources(text="Пост"))
        after = document_of(Sources(text="Пост", other_words="кнопка"))

        assert before.text_hash == after.text_hash
        assert before.document_hash != after.document_hash

    def test_a_text_moved_from_one_part_to_another_is_another_document(self):
        assert (
            document_of(Sources(text="слово")).document_hash
            != document_of(Sources(other_words="слово")).document_hash
        )


class TestTags:
    @pytest.mark.parametrize(
        ("text", "tags"),
        [
            ("#Горы и #горы", ("горы",)),
            ("#ёлка", ("елка",)),
            ("№ #1 и #2024год", ("2024год",)),
            ("https://t.me/x#anchor", ()),
            ("a#b ##c", ()),
            ("(#one,#two)", ("one", "two")),
            ("#й", ("й",)),  # written as two characters
        ],
    )
    def test_what_is_a_tag(self, text, tags):
        assert tags_in(text) == tags


@pytest.fixture
def _every_phrase_has_words(monkeypatch):
    """Which words the index leaves out, PostgreSQL knows: tests/integration/test_search_api.py."""
    monkeypatch.setattr(asked, "without_words", lambda _: set())


@pytest.mark.usefixtures("_every_phrase_has_words")
class TestAsked:
    def read(self, text):
        return asked.read(text, [], now=datetime(2026, 11, 26, tzinfo=UTC), zone=UTC)

    def test_words_phrases_tags_and_exclusions_are_told_apart(self):
        read = self.read('кот "красное пятно" #Тёплый -собака -"злая собака" -#Осень - "" :) "!"')

        assert read.query == Query(
            words=("кот",),
            phrases=("красное пятно",),
            tags=("теплый",),
            excluded=("собака", "злая собака"),
        )
        assert read.scope.excluded == Filters(tags=("осень",))
        assert read.problems == ()

    def test_qualifiers_become_conditions(self):
        read = self.read(
            "album:7 from:Анна is:meme is:forward has:video has:photo has:link has:hashtag lang:ru"
            " tag:Горы after:2026-11 before:2026-12 on:2026-11-05 -has:voice -album:8 -is:album"
        )

        assert read.scope.filters == Filters(
            albums=(7,), senders=("Анна",), is_meme=True, has=("forward", "hashtag", "link"),
            files=("photo", "video"), tags=("горы",), languages=("ru",),
            posted_from=datetime(2026, 11, 1, tzinfo=UTC),
            posted_before=datetime(2026, 12, 1, tzinfo=UTC),
            periods=((datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 6, tzinfo=UTC)),),
        )  # fmt: skip
        assert read.scope.excluded == Filters(albums=(8,), has=("album",), files=("voice",))
        assert read.problems == ()

    @pytest.mark.parametrize(
        "text",
        [*(f"is:{state}" for state in State), *(f"has:{part}" for part in Part), "-has:poll"],
    )
    def test_each_condition_is_applied_or_a_problem(self, text):
        read = self.read(text)

        applied = Scope((), read.scope.filters, read.scope.excluded) != Scope(())
        assert applied != bool(read.problems)
        assert [problem.text for problem in read.problems] in ([], [text])

    @given(ANY_TEXT)
    def test_no_text_is_refused(self, text):
        read = self.read(text.replace("channel:", "").replace("канал:", ""))

        assert isinstance(read.query, Query)


class TestCorrections:
    VOCABULARY = ("ипотек", "ипотечн", "kubernet", "minecraft", "нобелевск", "кост", "гост")

    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("ипатек", ["ипотек"]),
            ("иптоек", ["ипотек"]),  # two neighbors exchanged are one edit
            ("minecarft", ["minecraft"]),
            ("kubernt", ["kubernet"]),
            ("нобелевс", ["нобелевск"]),
            ("кас", []),  # too short to be sure
            ("xyzzyq", []),
        ],
    )
    def test_a_mistyped_word_finds_the_word_that_was_meant(self, typed, meant):
        assert corrections(typed, self.VOCABULARY) == meant

    def test_another_first_letter_is_another_word(self):
        assert corrections("зост", ["гост", "кост"]) == []

    @given(st.text(max_size=12), st.text(max_size=12))
    def test_distance_is_symmetric_and_bounded(self, one, other):
        assert distance(one, other) == distance(other, one) <= max(len(one), len(other))
        assert (distance(one, other) == 0) == (one == other)
        assert 0 <= similarity(trigrams(one), trigrams(other)) <= 1


class TestFusion:
    def test_a_post_in_both_lists_comes_before_the_best_of_either(self):
        scores = reciprocal_ranks([[("a", 1.0), ("c", 1.0)], [("b", 1.0), ("c", 1.0)]])

        assert max(scores, key=scores.__getitem__) == "c"

    def test_a_post_with_one_word_of_five_gives_way_to_one_with_the_meaning(self):
        scores = reciprocal_ranks([[("word", 0.2)], [("meaning", 1.0)]])

        assert scores["meaning"] > scores["word"]

    def test_what_is_beyond_the_window_does_not_count(self):
        long = [(str(number), 1.0) for number in range(WINDOW + 50)]

        assert len(reciprocal_ranks([long])) == WINDOW

    def test_the_query_moves_towards_its_best_posts_and_keeps_its_length(self):
        moved = towards([1.0, 0.0], [[0.0, 1.0]] * FEEDBACK)

        assert moved[0] > moved[1] > 0
        assert sum(x * x for x in moved) == pytest.approx(1)
        assert towards([1.0, 0.0], []) == [1.0, 0.0]
        assert towards([1.0, 0.0], [[0.0, 0.0]]) == [1.0, 0.0]


class TestFragments:
    def test_matching_words_are_marked_in_the_text_as_it_was_written(self):
        fragment = fragment_of(f"{START}Елка{STOP} стоит", "Ёлка стоит")

        assert fragment.text == "Ёлка стоит"
        assert [fragment.text[a:b] for a, b in fragment.spans] == ["Ёлка"]

    def test_the_part_with_the_most_words_is_shown(self):
        padding = "слово " * 200
        marked = f"{START}раз{STOP} {padding}{START}раз{STOP} {START}два{STOP} {padding}"
        text = marked.replace(START, "").replace(STOP, "")

        fragment = fragment_of(marked, text)

        assert [fragment.text[a:b] for a, b in fragment.spans] == ["раз", "два"]
        assert fragment.cut_before
        assert fragment.cut_after
        assert len(fragment.text) <= CHARS

    def test_a_text_without_a_match_is_shown_from_its_beginning(self):
        assert fragment_of("abc " * 100, "abc " * 100).text.startswith("abc abc")

    def test_a_form_of_another_length_is_shown_itself(self):
        assert fragment_of(f"{START}файл{STOP} раз", "ﬁайлы раз").text == "файл раз"


@given(ANY_TEXT, st.integers(1, 50))
def test_cutting_never_exceeds_the_limit(text, limit):
    assert len(cut_at_word(text, limit)) <= limit
    assert text.startswith(cut_at_word(text, limit))
