"""Which language a post is in: only where there is enough to tell."""

import pytest

from vision.policy.language import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Сегодня в Москве открылась выставка современного искусства.", "ru"),
        ("Релиз Python 3.14: free-threaded build, JIT и новый REPL. Подробности по ссылке", "ru"),
        ("The quick brown fox jumps over the lazy dog and runs away from it.", "en"),
        ("Сьогодні в Києві відкрилася виставка сучасного мистецтва її авторів.", "other"),
        ("Бүгін Алматыда заманауи өнер көрмесі ашылды, қош келдіңіздер.", "other"),
        ("Der schnelle Fuchs springt über den faulen Hund und ist nicht mehr zu sehen.", "other"),
        ("La exposición de arte que se abre hoy en Madrid es una de las más grandes.", "other"),
        ("今日は東京で現代美術の展覧会が始まりました。皆さんぜひ来てください。", "other"),
        ("", None),
        ("🔥🔥🔥 12 000 ₽ 👍👍", None),
        ("Привет!", None),
        ("https://example.com/the/and/of/with/this/article @channel #news", None),
        ("Samsung Galaxy Ultra Snapdragon Qualcomm Adreno", None),
    ],
)
def test_the_language_of_a_post(text, language):
    assert detect(text) == language


def test_a_quoted_word_does_not_make_a_text_foreign():
    text = "Слово «їжа» по-украински значит «еда», а всё остальное здесь написано по-русски. " * 2

    assert detect(text) == "ru"
