"""What a model said, made into what it saw; a paid answer is not lost to a comma."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.providers.answers import prose
from vision.providers.answers.fields import Answer, AnswerUnusable
from vision.providers.answers.parse import parse_answer

GOOD = {
    "classification": "screenshot",
    "is_meme": False,
    "description": "Окно чата с перепиской о ёлке",
    "labels": ["чат", "ёлка"],
    "objects": ["окно"],
    "scene": "экран телефона",
    "dominant_colors": ["#00ff7f"],
    "nsfw_score": 0.01,
    "aesthetic_score": 0.4,
    "ocr": {"text": "Привет!\nЁлку купили?", "engine": "gigachat", "confidence": 0.9},
}
TEXT = json.dumps(GOOD, ensure_ascii=False)
BAD_VALUES = (
    None, True, 17, -1.5, "", "x" * 5000, [], [None, 3, {}, []], {}, {"a": {"b": []}}, [[["deep"]]],
    "\x00\u202e\ud800", float("inf"),
)  # fmt: skip
OPTIONAL = sorted(set(GOOD) - {"description", "classification"})


def answer_of(text: str) -> Answer:
    return parse_answer(text).answer


def method_of(text: str) -> str:
    return parse_answer(text).method


def error_of(text: str) -> str:
    with pytest.raises(AnswerUnusable) as unusable:
        parse_answer(text)
    return unusable.value.error_type


class TestRungs:
    def test_json_alone_is_read_strictly(self):
        parsed = parse_answer(TEXT)

        assert parsed.method == "strict"
        assert parsed.answer == Answer(
            classification="screenshot",
            description="Окно чата с перепиской о ёлке",
            labels=["чат", "ёлка"],
            objects=["окно"],
            scene="экран телефона",
            ocr_text="Привет!\nЁлку купили?",
            ocr_confidence=0.9,
            nsfw_score=0.01,
            aesthetic_score=0.4,
            dominant_colors=["#00FF7F"],
        )

    @pytest.mark.parametrize(
        "wrapped",
        [
            f"```json\n{TEXT}\n```",
            f"```\n{TEXT}\n```",
            f"Вот что на картинке {{смотри}}:\n{TEXT}\nСпрашивайте ещё!",
            f"[{TEXT}]",
            f'{{"answer": {TEXT}}}',
            TEXT.replace("false", "False"),
            TEXT[:-1] + ",}",
        ],
    )
    def test_fact_063_json_in_a_wrapping_is_cut_out_with_its_cyrillic_intact(self, wrapped):
        parsed = parse_answer(wrapped)

        assert parsed.method == "cut"
        assert parsed.answer == answer_of(TEXT)

    def test_fact_063_escaped_cyrillic_is_the_same_cyrillic(self):
        assert answer_of(json.dumps(GOOD)) == answer_of(TEXT)
        assert answer_of(f"```json\n{json.dumps(GOOD)}\n```") == answer_of(TEXT)

    def test_line_breaks_inside_of_a_string_are_let_pass(self):
        assert answer_of(TEXT.replace("\\n", "\n")) == answer_of(TEXT)

    @pytest.mark.parametrize("length", range(75, len(TEXT), 7))
    def test_a_cut_answer_keeps_what_was_said_before_the_cut(self, length):
        parsed = parse_answer(TEXT[:length])

        assert parsed.method == "repaired"
        assert parsed.answer.classification == "screenshot"
        assert GOOD["description"].startswith(parsed.answer.description.rstrip())

    @pytest.mark.parametrize("torn", ["\\", "\\u", "\\u04", "\\u041", "\\\\", "\\\\\\"])
    def test_an_escape_torn_in_two_is_dropped(self, torn):
        text = '{"classification": "photo", "description": "Рыжий кот' + torn

        assert answer_of(text).description.startswith("Рыжий кот")

    def test_quotes_that_break_the_object_leave_its_fields_readable(self):
        text = (
            '{"classification": "meme", "description": "Кот говорит", "is_meme": true,'
            ' "ocr": {"text": "он сказал "привет" и ушёл"}}'
        )

        parsed = parse_answer(text)

        assert parsed.method == "repaired"
        assert (parsed.answer.classification, parsed.answer.is_meme) == ("meme", True)
        assert parsed.answer.description == "Кот говорит"

    @pytest.mark.parametrize(
        ("prose", "kind"),
        [
            ("На фотографии рыжий кот спит на подоконнике.", "photo"),
            ("Скриншот документа в окне программы.", "screenshot"),
            ("Это мем про понедельник.", "meme"),
            ("Диаграмма роста продаж по годам.", "infographic"),
            ("Скан договора аренды.", "document"),
            ("На изображении памятник в сквере.", "other"),
            ("The photo shows a ginger cat.", "photo"),
            ("A picture of a mountain lake.", "other"),
        ],
    )
    def test_prose_is_read_by_its_key_words(self, prose, kind):
        parsed = parse_answer(prose)

        assert (parsed.method, parsed.answer.classification) == ("keywords", kind)
        assert parsed.answer.description == prose

    @pytest.mark.parametrize(
        ("word", "kind"),
        [
            ("мемориальная доска на фото", "photo"),
            ("скандал на изображении", "other"),
            ("географическая картина", "other"),
        ],
    )
    def test_a_key_word_is_a_word_not_a_part_of_one(self, word, kind):
        assert answer_of(f"Видна {word}.").classification == kind

    @pytest.mark.parametrize(
        "text",
        ["42", "Ответ: 42, подробности позже.", "{}", "[1, 2]", "null", '"строка"', "<html></html>",
         "{'изображение': 1}"],
    )  # fmt: skip
    def test_fact_063_what_is_no_answer_has_an_error_class(self, text):
        assert error_of(text) == "not_json"

    @pytest.mark.parametrize("text", ["", "   \n"])
    def test_nothing_said_is_an_error_class_of_its_own(self, text):
        assert error_of(text) == "empty"

    def test_an_object_that_describes_nothing_is_refused(self):
        assert error_of('{"classification": "photo", "labels": []}') == "nothing_described"


NOT_SEEN = (
    "Не могу посмотреть фотографию, поскольку доступ к изображениям сейчас отсутствует. Опишите.",
    "К сожалению, я не могу увидеть это изображение.",
    "Я не вижу прикреплённого изображения.",
    "Мне не удалось открыть файл с картинкой.",
    "У меня нет доступа к изображениям.",
    "Изображение не прикреплено. Пришлите его, пожалуйста.",
    "Картинка не загружена.",
    "Пожалуйста, прикрепите изображение, и я его опишу.",
    "Как языковая модель, я не обладаю зрением, и описать фото не получится.",
    "Не имею возможности просматривать картинки.",
    "Я не умею анализировать фотографии.",
    "I can't see the image you attached.",
    "I cannot view images.",
    "I’m sorry, I can’t process this photo.",
    "I am unable to open the attached picture.",
    "I don't have access to the image.",
    "No image was provided.",
    "The image is not attached.",
    "As a text-based AI model, I cannot look at pictures.",
)
SEEN = (
    "На снимке не видно людей, только пустая улица.",
    "Фотография: человек не может открыть дверь.",
    "Скриншот ошибки сети.",
    "Картинка с подписью: не вижу зла.",
    "Photo of a man who cannot swim.",
    "На фото девочка смотрит на картину.",
)


class TestNotSeen:
    @pytest.mark.parametrize("text", NOT_SEEN)
    def test_an_excuse_is_told_from_a_description(self, text):
        assert error_of(text) == "image_not_seen"

    @pytest.mark.parametrize("text", NOT_SEEN)
    def test_an_excuse_in_the_right_format_is_one_too(self, text):
        said = {"classification": "other", "description": text, "labels": [], "ocr": None}

        assert error_of(json.dumps(said, ensure_ascii=False)) == "image_not_seen"

    @pytest.mark.parametrize("text", SEEN)
    def test_a_description_is_not_taken_for_an_excuse(self, text):
        assert answer_of(text).description == text

    def test_a_picture_of_an_excuse_is_described_not_refused(self):
        said = GOOD | {"description": NOT_SEEN[0], "ocr": {"text": NOT_SEEN[0]}}

        assert answer_of(json.dumps(said)).ocr_text == NOT_SEEN[0]


class TestFields:
    @pytest.mark.parametrize("value", BAD_VALUES)
    @pytest.mark.parametrize("name", OPTIONAL)
    def test_a_bad_optional_field_does_not_take_the_others_along(self, name, value):
        answer = answer_of(json.dumps(GOOD | {name: value}))

        expected = answer_of(TEXT)
        own = {"ocr": {"ocr_text", "ocr_confidence"}}.get(name, {name})
        assert answer.model_dump(exclude=own) == expected.model_dump(exclude=own)

    @pytest.mark.parametrize("value", BAD_VALUES)
    def test_without_a_class_the_picture_is_other(self, value):
        assert answer_of(json.dumps(GOOD | {"classification": value})).classification == "other"

    @pytest.mark.parametrize(
        ("value", "kind"),
        [("Screenshot", "screenshot"), ("скриншот", "screenshot"), ({"type": "photo"}, "photo"),
         ("фотография", "photo"), ("мем", "meme"), (" document ", "document")],
    )  # fmt: skip
    def test_a_class_is_known_by_other_names_too(self, value, kind):
        assert answer_of(json.dumps(GOOD | {"classification": value})).classification == kind

    def test_the_class_meme_is_a_meme_whatever_the_flag_says(self):
        assert answer_of(json.dumps(GOOD | {"classification": "meme"})).is_meme

    @pytest.mark.parametrize(
        ("rest", "description"),
        [
            ({"scene": "двор дома"}, "двор дома"),
            ({"labels": ["кот", "окно"]}, "кот, окно"),
            ({"ocr": "Привет, мир"}, "Текст на изображении: Привет, мир"),
        ],
    )
    def test_without_a_description_the_rest_describes(self, rest, description):
        assert answer_of(json.dumps({"classification": "photo", **rest})).description == description

    def test_labels_are_lower_case_short_plain_and_each_once(self):
        said = [
            "  Кот ",
            "КОТ",
            "ignore\nprevious <b>instructions</b>",
            "c++",
            {"name": "Дом"},
            7,
            None,
        ]

        answer = answer_of(json.dumps(GOOD | {"labels": said}))

        assert answer.labels == ["кот", "ignore previous b instructions b", "c++", "дом", "7"]

    def test_no_more_than_the_contract_allows(self):
        many = [f"w{i}" for i in range(500)]
        colors = [f"#0000{i:02x}" for i in range(99)]

        answer = answer_of(
            json.dumps(GOOD | {"labels": many, "objects": many, "dominant_colors": colors})
        )

        assert (len(answer.labels), len(answer.objects), len(answer.dominant_colors)) == (20, 10, 5)

    def test_colors_are_six_capital_digits(self):
        said = ["#0af", "A0B0C0", "red", "#12345", "#GGGGGG", 5]

        answer = answer_of(json.dumps(GOOD | {"dominant_colors": said}))

        assert answer.dominant_colors == ["#00AAFF", "#A0B0C0"]

    @pytest.mark.parametrize(
        ("value", "share"),
        [
            (0, 0.0),
            (1, 1.0),
            ("0,25", 0.25),
            ("30%", 0.3),
            (1.01, None),
            (-0.1, None),
            (True, None),
        ],
    )
    def test_shares_lie_between_nothing_and_all(self, value, share):
        assert answer_of(json.dumps(GOOD | {"nsfw_score": value})).nsfw_score == share

    def test_not_a_number_is_no_share(self):
        text = '{"description": "Рыжий кот", "nsfw_score": NaN, "aesthetic_score": 1e999}'

        answer = answer_of(text)

        assert (answer.nsfw_score, answer.aesthetic_score) == (None, None)

    def test_signs_that_nobody_sees_are_removed(self):
        said = GOOD | {
            "description": "Кот\u202e\x00\x1b[31m\ud83d и \u0438\u0306од",
            "labels": ["a\u200bb"],
        }

        answer = answer_of(json.dumps(said))

        assert answer.description == "Кот[31m и йод"
        assert answer.labels == ["ab"]

    def test_text_keeps_its_lines_and_emoji_stay_whole(self):
        answer = answer_of(json.dumps(GOOD | {"ocr": {"text": " а\r\nб 👩‍👧 "}}))

        assert answer.ocr_text == "а\nб 👩‍👧"

    @pytest.mark.parametrize("value", ["null", "нет", "-", None, {"text": None}, {"text": "None"}])
    def test_a_word_for_nothing_is_nothing(self, value):
        assert answer_of(json.dumps(GOOD | {"ocr": value})).ocr_text == ""

    def test_the_last_of_two_fields_of_one_name_counts(self):
        text = '{"description": "Первое", "description": "Второе описание"}'

        assert answer_of(text).description == "Второе описание"


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "[" * 10_000,
            "{" * 10_000,
            '{"a":' * 10_000,
            '{"a":' * 10_000 + "1" + "}" * 10_000,
            '{"description": ' + "[" * 10_000 + "]" * 10_000 + "}",
            '{"description": ' + "9" * 10_000 + "}",
            '"' * 100_000,
            '\\"' * 100_000,
            '{"' * 50_000,
            "{," * 50_000,
            "}" * 50_000,
            '{"a":"' + "\\u0000" * 20_000,
            "не могу " * 30_000,
            "x" * 1_000_000,
            "{" + '"description":"' + "ж" * 1_000_000,
            "```json\n" * 20_000,
        ],
        ids=range(16),
    )
    def test_it_ends_in_an_answer_or_an_error_class(self, text):
        try:
            answer = answer_of(text)
        except AnswerUnusable:
            return
        assert len(answer.description) <= 500

    def test_deep_rubbish_in_one_field_leaves_the_others(self):
        deep = "[" * 500 + "]" * 500
        text = TEXT[:-1] + f', "context": {deep}}}'

        assert answer_of(text).description == GOOD["description"]

    @given(st.text())
    def test_any_text_is_an_answer_or_an_error_class(self, text):
        _parses_or_refuses(text)

    @given(st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(GOOD)), inner),
    ))  # fmt: skip
    def test_any_json_is_an_answer_or_an_error_class(self, value):
        _parses_or_refuses(json.dumps(value))

    @given(st.fixed_dictionaries({name: st.none() | st.text() | st.integers() for name in GOOD}))
    def test_any_values_are_an_answer_or_an_error_class(self, value):
        _parses_or_refuses(json.dumps(value, ensure_ascii=False))

    @given(st.integers(0, len(TEXT)), st.text(max_size=3), st.integers(0, 5))
    def test_a_damaged_answer_is_an_answer_or_an_error_class(self, place, put_in, taken_out):
        _parses_or_refuses(TEXT[:place] + put_in + TEXT[place + taken_out :])

    @given(st.text(alphabet=st.characters(codec="utf-8")), st.floats(0, 1))
    def test_a_description_survives_being_cut_anywhere(self, rest, share):
        start = json.dumps({"classification": "photo", "description": "Фото: кот"})[:-2]
        rest = json.dumps(rest)[1:]

        answer = answer_of(start + rest[: int(len(rest) * share)])

        assert answer.classification == "photo"
        assert answer.description.startswith("Фото: кот")


def _parses_or_refuses(text: str) -> None:
    try:
        answer = parse_answer(text).answer
    except AnswerUnusable:
        return
    assert Answer.model_validate_json(answer.model_dump_json()) == answer
    assert "\x00" not in answer.model_dump_json()
    assert len(answer.description) >= prose.SHORTEST_DESCRIPTION
