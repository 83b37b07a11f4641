"""Which language a post is in: only where there is enough to tell."""

import gzip
import json
import os
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from tests.concurrency import in_threads
from vision.policy import language
from vision.policy.language import ACCEPTED, LANGUAGES, detect

DATA = Path(
    os.environ.get("SHARED_DATA_DIR") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
UKRAINIAN = [
    "Сьогодні в Києві відкрилася виставка сучасного мистецтва її авторів.",
    "Відзначу, що найкращий час для зйомки до 12-14 днів.",
    "Погода на вихідні: дощ і до +12, у понеділок потеплішає",
    "Завтра о 9:00 починається реєстрація на марафон, кількість місць обмежена!",
    "Шукаємо волонтерів, деталі за посиланням https://example.com/ua",
    "Графік відключень світла на 12 грудня по всіх чергах",
    "Новий альбом гурту вже на всіх платформах 🔥 слухайте й діліться з друзями",
    "Ціни на пальне знову зросли. Скільки коштує бензин у вашому місті?",
    "Apple показала новий iPhone 17 Pro: що змінилося та скільки він коштує",
    "НАЙГОЛОВНІШЕ ЗА ДЕНЬ: КОРОТКО ПРО ПОДІЇ",
]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Сегодня в Москве открылась выставка современного искусства.", "ru"),
        ("Релиз Python 3.14: free-threaded build, JIT и новый REPL. Подробности по ссылке", "ru"),
        ("The quick brown fox jumps over the lazy dog and runs away from it.", "en"),
        ("Бүгін Алматыда заманауи өнер көрмесі ашылды, қош келдіңіздер.", "kk"),
        ("Сёння ў Мінску адкрылася выстава сучаснага мастацтва беларускіх аўтараў.", "be"),
        ("Der schnelle Fuchs springt über den faulen Hund und ist nicht mehr zu sehen.", "de"),
        ("La exposición de arte que se abre hoy en Madrid es una de las más grandes.", "es"),
        ("今日は東京で現代美術の展覧会が始まりました。皆さんぜひ来てください。", "ja"),
        *((text, "uk") for text in UKRAINIAN),
        ("", None),
        ("🔥🔥🔥 12 000 ₽ 👍👍", None),
        ("Привет!", None),
        ("https://example.com/the/and/of/with/this/article @channel #news", None),
    ],
)
def test_the_language_of_a_post(text, code):
    assert detect(text) == code


def test_the_form_in_which_a_text_is_written_changes_nothing():
    text = "Її автори – з усієї України, і кожній роботі понад сто років"

    forms = {unicodedata.normalize(form, text) for form in ("NFC", "NFD")}

    assert len(forms) == 2
    assert {detect(each) for each in (*forms, text.upper())} == {"uk"}


def test_a_quoted_word_does_not_make_a_text_foreign():
    text = "Слово «їжа» по-украински значит «еда», а всё остальное здесь написано по-русски. " * 2

    assert detect(text) == "ru"


def test_every_language_can_be_told():
    assert set(language._model(LANGUAGES).labels) == LANGUAGES
    assert set(language._model(ACCEPTED).labels) == ACCEPTED


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("nl", "De gemeente heeft vandaag een nieuw plan voor het openbaar vervoer gepresenteerd."),
        ("cs", "Město dnes představilo nový plán veřejné dopravy pro příští rok."),
        ("sv", "Kommunen presenterade i dag en ny plan för kollektivtrafiken."),
        ("hu", "Holnap melegebb lesz, és az előrejelzés szerint mindenhol száraz marad."),
    ],
)
def test_a_language_that_a_policy_names_is_told_and_changes_nothing_for_others(code, text):
    named = frozenset({code, "ru"})

    assert detect(text, named=named) == code
    assert detect(text) != code
    assert {detect(each, named=named) for each in UKRAINIAN} == {"uk"}
    assert detect("The quick brown fox jumps over the lazy dog and runs.", named=named) == "en"


def test_threads_that_begin_at_once_load_one_model(monkeypatch):
    language._whole_model.cache_clear()
    language._model.cache_clear()

    in_threads(*[lambda: detect(UKRAINIAN[0])] * 6)

    assert language._whole_model.cache_info().misses == 1


def posts():
    path = DATA / "search" / "corpus.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"REAL DATA MISSING: {DATA} (set SHARED_DATA_DIR)")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


@pytest.mark.real_data
@pytest.mark.parametrize(("length", "known"), [(60, 0.9), (300, 0.96)])
def test_real_russian_posts_are_russian_or_ambiguous(length, known):
    found = [detect(text[:length]) for text in posts()]

    told = Counter(found)
    assert told["ru"] >= known * len(found)
    # English are those that consist of English headlines or code.
    assert told["en"] <= 0.005 * len(found)
    assert len(found) - told["ru"] - told["en"] - told[None] <= 0.002 * len(found)
