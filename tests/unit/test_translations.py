"""Whatever the console says, it says in Russian too."""

import ast
import gettext
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import django
import polib
import pytest
from django.apps import apps
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as translate
from django.utils.translation import ngettext, override

from events.console import said
from media.services.telegram.accounts import encryption
from media.services.telegram.accounts.access import NotConfigured, NotSignedIn
from storage_quota.cleanup.runner import CleanupRunning
from storage_quota.integrity.errors import CheckRunning

ROOMS = [
    "accounts",
    "events",
    "media",
    "vision",
    "albums",
    "crawl",
    "graph",
    "search",
    "storage_quota",
    "telegram_assistant",
]
MARKERS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
WITH_CONTEXT = {"pgettext", "pgettext_lazy"}
FOLDER = settings.BASE_DIR / "telegram_assistant" / "locale" / "ru" / "LC_MESSAGES"
CONTEXT = "\x04"
"""What stands between context and text in a compiled catalog."""
PO, MO = FOLDER / "django.po", FOLDER / "django.mo"


@pytest.fixture(scope="module")
def catalog() -> dict:
    with MO.open("rb") as file:
        return gettext.GNUTranslations(file)._catalog


@pytest.fixture(scope="module")
def entries() -> list[polib.POEntry]:
    """The entries of the catalog that are in use; the header is not one of them."""
    return [entry for entry in polib.pofile(PO) if not entry.obsolete]


def _sources() -> Iterator[Path]:
    for room in ROOMS:
        for path in (settings.BASE_DIR / room).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path


def _marked(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            first = node.args[0] if node.args else None
            if node.func.id in MARKERS and isinstance(first, ast.Constant):
                yield first.value
            elif node.func.id in WITH_CONTEXT:
                yield CONTEXT.join(ast.literal_eval(word) for word in node.args)


def _marked_in_templates() -> Iterator[str]:
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        yield from re.findall(r"""{% translate ["'](.*?)["']""", path.read_text(encoding="utf-8"))


def _known(catalog: dict, text: str) -> bool:
    """By us, or by Django, whose words a user's account has."""
    with override("ru"):
        ours = text in catalog or (text, 0) in catalog
        return ours or translate(text) != text or any(_in_context(key, text) for key in catalog)


def _in_context(key: object, text: str) -> bool:
    return isinstance(key, str) and key.endswith(f"{CONTEXT}{text}")


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


def test_no_entry_is_empty_or_fuzzy(entries):
    assert [entry.msgid for entry in entries if not entry.translated()] == []


def test_no_text_of_ours_changes_what_django_or_an_app_says(entries):
    """The catalogs are merged: a text of theirs that we mean otherwise needs a context."""
    theirs = defaultdict(set)
    for path in _catalogs_of_others():
        for entry in polib.pofile(path):
            if entry.msgctxt is None and entry.translated() and entry.msgid:
                theirs[entry.msgid].add(entry.msgstr)

    changed = {
        entry.msgid: entry.msgstr
        for entry in entries
        if entry.msgctxt is None and theirs[entry.msgid] - {entry.msgstr}
    }

    assert len(theirs) > 1000
    assert changed == {}


def _catalogs_of_others() -> list[Path]:
    homes = [Path(config.path) for config in apps.get_app_configs() if config.name not in ROOMS]
    homes += [Path(django.__file__).parent / "conf"]
    found = [home / "locale" / "ru" / "LC_MESSAGES" / "django.po" for home in homes]
    return [path for path in found if path.exists()]


NOUNS = {
    "album", "channel", "classification", "error", "media", "meme", "pictures", "tags", "text recognition",
    "posts", "tagger", "texts of documents", "thumbnail", "tokens",
}  # fmt: skip
"""Kinds of things: the label of a choice is the same word as the name of the thing."""
SAME_MEANING = {
    "Analyze again", "Clean up", "Tenant", "failed tasks", "first message", "analyzed", "not analyzed", "not analyzed yet",
    "Event", "Fastest growing posts", "deleted", "forwards", "kind", "mass deletions", "reactions", "replies", "views",
    "API tokens", "Ask the archive", "Graph", "Invite", "My settings", "My tokens", "Saved searches", "Search posts", "channels", "duration, s", "new posts", "problems",
    "Reserved", "done", "failed", "pending", "set GIGACHAT_CREDENTIALS",
}  # fmt: skip


def test_no_text_names_a_state_here_and_something_else_there():
    roles = defaultdict(set)
    for path in _sources():
        for text, role in _roles(ast.parse(path.read_text(encoding="utf-8"))):
            roles[text].add(role)
    for text in _marked_in_templates():
        roles[text].add("template")

    several = {text for text, found in roles.items() if "value" in found and len(found) > 1}

    assert len(roles) > 400
    assert several <= NOUNS | SAME_MEANING


def _roles(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Every marked text without a context, and whether it is a value of choices or something else."""
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in MARKERS
                and isinstance(node.args[0], ast.Constant)
            ):
                yield node.args[0].value, "value" if _is_value(parent) else "name"


def _is_value(parent: ast.AST) -> bool:
    return isinstance(parent, ast.Tuple | ast.Dict)


def test_translations_keep_their_placeholders(entries):
    for entry in entries:
        wanted = set(re.findall(r"%\(\w+\)[sd]", entry.msgid))
        for text in entry.msgstr_plural.values() or [entry.msgstr]:
            assert set(re.findall(r"%\(\w+\)[sd]", text)) == wanted, entry.msgid


def test_what_is_compiled_is_what_is_written(entries):
    """If this fails: make messages."""
    compiled, written = polib.mofile(MO), polib.pofile(PO)

    assert compiled.metadata == written.metadata
    assert _texts(compiled) == _texts(entries)


def _texts(entries: Iterable[polib.MOEntry | polib.POEntry]) -> dict:
    return {
        (entry.msgctxt, entry.msgid, entry.msgid_plural): (entry.msgstr, entry.msgstr_plural)
        for entry in entries
    }


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "1 задача снова"),
        (2, "2 задачи снова"),
        (5, "5 задач снова"),
        (21, "21 задача "),
    ],
)
def test_russian_counts_as_russians_do(count, text):
    singular = "%(count)d task is in the queue again."
    plural = "%(count)d tasks are in the queue again."

    with override("ru"):
        assert (ngettext(singular, plural, count) % {"count": count}).startswith(text)


REFUSALS = {"SignInRefused", "VisionSwitchedOff", "ReadingSwitchedOff"}
"""What pages show as it was raised."""


@pytest.mark.parametrize(
    "refusal",
    [
        NotConfigured(), NotSignedIn(), encryption.SessionKeyMissing(),
        encryption.SessionUnreadable(), CleanupRunning(), CheckRunning(),
    ],
    ids=lambda refusal: refusal.code,
)  # fmt: skip
def test_the_console_refuses_in_the_readers_language(refusal):
    with override("ru"):
        assert re.search("[а-я]", said(refusal))
    with override("en"):
        assert said(refusal) == str(refusal)


def test_no_refusal_that_a_page_shows_is_a_bare_text():
    bare = re.compile(rf"\b(?:{'|'.join(REFUSALS)})\(\s*f?\"")
    shown = (path for path in _sources() if "management" not in path.parts)
    assert [str(path) for path in shown if bare.search(path.read_text("utf-8"))] == []
