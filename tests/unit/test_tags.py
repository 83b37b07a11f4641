"""Names of tags, keywords and versions: pure functions."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.delivery import worker
from search.documents import tags_in
from vision.tagging.local import LocalTagger
from vision.tagging.port import Material
from vision.tagging.settings import problems
from vision.tagging.settle import tags_hash
from vision.tagging.versions import NO_CHANGES, VERSION_CHECK_FAILED, Seen, newest, why_not
from vision.tagging.words.keywords import keywords
from vision.tagging.words.lemmas import lemma
from vision.tagging.words.names import MOST_CHARS, canonical, hashtags

P9, P10 = "vision@2026-11-26#p9", "vision@2026-11-26#p10"


class TestNames:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("#Зима", "зима"), ("Machine Learning", "machine_learning"), ("Ёлка", "елка"),
            (normalize("NFD", "Йод"), "йод"), ("C++", "c++"), ("c#", "c#"), ("covid-19", "covid-19"),
            ("a\x00b", "a_b"), ("<script>", "script"), ("ignore all; DROP", "ignore_all_drop"),
            ("#हिन्दी", "हिन्दी"), ("#தமிழ்", "தமிழ்"), ("#İstanbul", "istanbul"), ("ไทยแลนด์", "ไทยแลนด์"),
            ("\u0301", ""), ("#1", ""), ("!!", ""), ("", ""), ("x" * 99, "x" * 64),
        ],
    )  # fmt: skip
    def test_a_name_has_one_form(self, text, name) -> None:
        assert canonical(text) == name

    @given(st.text(max_size=200))
    def test_a_name_is_its_own_name_short_and_of_few_characters(self, text) -> None:
        name = canonical(text)

        assert canonical(name) == name
        assert len(name) <= MOST_CHARS
        assert all(one.isalnum() or one in "_+#-" or not one.isspace() for one in name)

    def test_hashtags_are_those_of_the_search(self) -> None:
        text = "#Зима #ёлка #1 a#b https://x.example/#part #snow_2024, #Зима ##два #İstanbul #हिन्दी #தமிழ்."

        assert hashtags(text) == tags_in(text)
        assert hashtags(text)[-2:] == ("हिन्दी", "தமிழ்")


class TestKeywords:
    def test_forms_of_a_russian_noun_are_one_keyword(self) -> None:
        found = keywords("Горы зимой. В горах снег, за горами лес. Идти быстро, идти долго.")

        assert found == [("гора", 0.75)]

    def test_forms_of_an_english_noun_are_one_keyword(self) -> None:
        assert [k.name for k in keywords("A server fails. Servers restart and restarts help.")][
            :1
        ] == ["server"]

    def test_links_names_and_hashtags_are_no_keywords(self) -> None:
        assert keywords("https://кот.example кот.example @кот #кот #кот www.кот.example") == []

    def test_at_most_five_and_the_first_first(self) -> None:
        words = ["кот", "лес", "дом", "сад", "мост", "река"]

        assert [k.name for k in keywords(" ".join(words * 2))] == words[:5]

    def test_the_same_text_has_the_same_keywords_whatever_came_before(self) -> None:
        text = "Снег и лес, снег и лес"
        first = keywords(text)
        keywords("совсем другой текст, другой текст")

        assert keywords(text) == first

    def test_a_word_of_another_language_is_its_own_lemma(self) -> None:
        assert lemma("木漏れ日").text == "木漏れ日"

    def test_a_label_of_a_picture_counts_as_two_mentions(self) -> None:
        tagger = LocalTagger(min_chars=80)
        found = tagger.find(Material(has_media=True, labels=["кот"])).tags

        assert [(tag.name, tag.confidence) for tag in found] == [("кот", 0.67)]

    @pytest.mark.parametrize(
        ("chars", "media", "found"), [(79, False, 0), (80, False, 1), (5, True, 1)]
    )
    def test_a_short_text_without_media_has_none(self, chars, media, found) -> None:
        text = "снег снег".ljust(chars, ".") if chars > 9 else "лес лес"
        answer = LocalTagger(min_chars=80).find(Material(text=text, has_media=media))

        assert len(answer.tags) == found


def test_fact_082_a_worker_says_that_it_has_begun(caplog) -> None:
    with caplog.at_level("INFO"):
        worker.serve("tagging", proceed=lambda: False)

    assert "RetaggingTask started successfully" in caplog.messages


class TestVersions:
    @pytest.mark.parametrize(
        ("new", "tagged", "why"),
        [
            (Seen(P10, "a"), Seen(P9, "a"), ""),
            (Seen(P9, "a"), Seen(P10, "a"), VERSION_CHECK_FAILED),
            (Seen(P9, "b"), Seen(P10, "a"), ""),
            (Seen(P9, "a"), Seen(P9, "a"), NO_CHANGES),
            (Seen(P9, "a"), None, ""),
            (Seen(P9, "a"), Seen("", ""), ""),
            (Seen("vision@2027-01-01#p1", "a"), Seen(P10, "a"), ""),
            (Seen("no version", "a"), Seen(P9, "a"), VERSION_CHECK_FAILED),
            (Seen(P9, "a"), Seen("no version", "a"), ""),
        ],
    )  # fmt: skip
    def test_fact_077_whether_to_tag_again(self, new, tagged, why) -> None:
        assert why_not(new, tagged) == why

    def test_the_newest_is_kept_whichever_comes_last(self) -> None:
        assert newest(P9, P10) == newest(P10, P9) == newest(P10, "") == newest("", P10) == P10

    def test_fact_078_the_hash_knows_no_order(self) -> None:
        assert tags_hash(["я", "a", "", "a"]) == tags_hash(["a", "я"])


@pytest.mark.parametrize(
    "value", [{"threshold": 1.5}, {"threshold": True}, {"treshold": 0.5}, [], "0.7"]
)
def test_a_wrong_setting_is_named(value) -> None:
    assert problems(value)
    assert not problems({"threshold": 0.5})
    assert not problems({})
