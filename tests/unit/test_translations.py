"""Whatever the console says, it says in Russian too."""

import ast
import gettext
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as translate
from django.utils.translation import ngettext, override

from telegram_assistant.locale import compile as locale_compile

ROOMS = ["accounts", "events", "media", "vision", "albums", "storage_quota", "telegram_assistant"]
MARKERS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
FOLDER = settings.BASE_DIR / "telegram_assistant" / "locale" / "ru" / "LC_MESSAGES"
PO, MO = FOLDER / "django.po", FOLDER / "django.mo"


@pytest.fixture(scope="module")
def catalog() -> dict:
    with MO.open("rb") as file:
        return gettext.GNUTranslations(file)._catalog


def _sources() -> Iterator[Path]:
    for room in ROOMS:
        for path in (settings.BASE_DIR / room).rglob("*.py"):
            if not {"migrations", "sample"} & set(path.parts):
                yield path


def _marked(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            first = node.args[0] if node.args else None
            if node.func.id in MARKERS and isinstance(first, ast.Constant):
                yield first.value


def _marked_in_templates() -> Iterator[str]:
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        yield from re.findall(r"""{% translate ["'](.*?)["']""", path.read_text(encoding="utf-8"))


def _known(catalog: dict, text: str) -> bool:
    """By us, or by Django, whose words a user's account has."""
    with override("ru"):
        return text in catalog or (text, 0) in catalog or translate(text) != text


def _words_of_models() -> Iterator[str]:
    for room in ROOMS:
        config = apps.get_app_config(room)
        for model in config.get_models():
            yield from _promised(model._meta.verbose_name, model._meta.verbose_name_plural)
            for field in model._meta.get_fields():
                yield from _promised(getattr(field, "verbose_name", ""))
                yield from _promised(getattr(field, "help_text", ""))
                yield from _promised(*(label for _, label in getattr(field, "choices", None) or ()))
        yield from _promised(config.verbose_name)


def _promised(*texts: object) -> Iterator[str]:
    """The English of lazy strings."""
    with override("en"):
        yield from [str(text) for text in texts if isinstance(text, Promise) and str(text)]


def test_every_word_of_the_models_has_a_translation(catalog):
    words = set(_words_of_models())

    assert len(words) > 100
    assert sorted(word for word in words if not _known(catalog, word)) == []


def test_every_marked_string_has_a_translation(catalog):
    strings = {text for path in _sources() for text in _marked(path)} | {*_marked_in_templates()}

    assert len(strings) > 200
    assert sorted(text for text in strings if not _known(catalog, text)) == []


def test_no_entry_is_empty_or_fuzzy():
    messages = list(locale_compile.parse(PO.read_text(encoding="utf-8")))

    assert [message.singular for message in messages if not message.translated] == []


def test_translations_keep_their_placeholders():
    for message in locale_compile.parse(PO.read_text(encoding="utf-8")):
        wanted = set(re.findall(r"%\(\w+\)[sd]", message.singular))
        for text in message.strings:
            assert set(re.findall(r"%\(\w+\)[sd]", text)) == wanted, message.singular


def test_what_is_compiled_is_what_is_written():
    """If this fails: make messages."""
    messages = locale_compile.parse(PO.read_text(encoding="utf-8"))

    assert MO.read_bytes() == locale_compile.compiled(messages)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "1 доставка снова"),
        (2, "2 доставки снова"),
        (5, "5 доставок снова"),
        (21, "21 доставка"),
    ],
)
def test_russian_counts_as_russians_do(count, text):
    singular, plural = "%(count)d delivery is due again.", "%(count)d deliveries are due again."

    with override("ru"):
        assert (ngettext(singular, plural, count) % {"count": count}).startswith(text)


def test_the_compiler_reads_what_gettext_allows():
    source = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

# a remark
#, fuzzy
msgid "guessed"
msgstr "угадано"

msgctxt "verb"
msgid "open"
msgstr ""
"от"
"крыть \\"дверь\\""

msgid "left empty"
msgstr ""

#~ msgid "gone"
#~ msgstr "нет"
"""
    translations = gettext.GNUTranslations(
        io.BytesIO(locale_compile.compiled(locale_compile.parse(source)))
    )

    assert translations.pgettext("verb", "open") == 'открыть "дверь"'
    assert set(translations._catalog) == {"", "verb\x04open"}


def test_a_line_that_cannot_be_read_is_named():
    with pytest.raises(locale_compile.Malformed, match="unquoted"):
        list(locale_compile.parse("msgid unquoted\n"))
