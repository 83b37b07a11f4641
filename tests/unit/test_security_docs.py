"""The pages about security say something of every requirement, and what they name is there."""

import ast
import csv
import re
from collections import Counter
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from telegram_assistant import config

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["docs/security.md", "docs/ru/security.md"]
PROMISES = ["SECURITY.md", "SECURITY.ru.md"]
STATES = {
    "docs/security.md": ("met", "not applicable"),
    "docs/ru/security.md": ("да", "не относится"),
}
LEVELS = {
    "docs/security.md": ("## Level 1", "## Level 2"),
    "docs/ru/security.md": ("## Уровень 1", "## Уровень 2"),
}
LEVEL_1 = """
1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.3.1 1.3.2 1.5.1 2.1.1 2.2.1 2.2.2 2.3.1 3.2.1 3.2.2 3.3.1 3.4.1 3.4.2 3.5.1
3.5.2 3.5.3 4.1.1 4.4.1 5.2.1 5.2.2 5.3.1 5.3.2 6.1.1 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.3.1
6.3.2 6.4.1 6.4.2 7.2.1 7.2.2 7.2.3 7.2.4 7.4.1 7.4.2 8.1.1 8.2.1 8.2.2 8.3.1 9.1.1 9.1.2 9.1.3 9.2.1 10.4.1
10.4.2 10.4.3 10.4.4 10.4.5 11.3.1 11.3.2 11.4.1 12.1.1 12.2.1 12.2.2 13.4.1 14.2.1 14.3.1 15.1.1 15.2.1 15.3.1
""".split()  # noqa: SIM905 - seventy quotes are harder to read

each_page = pytest.mark.parametrize("page", PAGES)
each_promise = pytest.mark.parametrize("page", PROMISES)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def rows(page: str, *, level: int) -> list[list[str]]:
    """The cells of each requirement in the table of a level."""
    first, second = LEVELS[page]
    part = text_of(page).split(f"\n{first}\n")[1].split(f"\n{second}\n")[level - 1]
    lines = [line for line in part.splitlines() if re.match(r"\| \d", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def numbers(cell: str) -> list[str]:
    return re.findall(r"\d+\.\d+\.\d+", cell)


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


class TestLevel1:
    @each_page
    def test_every_requirement_has_one_row(self, page):
        told = Counter(number for row in rows(page, level=1) for number in numbers(row[0]))

        assert list(told) == LEVEL_1
        assert set(told.values()) == {1}

    @each_page
    def test_none_is_open(self, page):
        met, not_applicable = STATES[page]
        for number, state, how, shown_by in rows(page, level=1):
            assert state in {met, not_applicable}, number
            assert len(how) > 10, number
            assert (shown_by == "–") == (state == not_applicable), number

    @each_page
    def test_what_shows_it_is_there(self, page):
        missing = []
        for number, state, _, shown_by in rows(page, level=1):
            named = re.findall(r"`([^`]+)`", shown_by)
            assert named or state == STATES[page][1], number
            missing += [(number, one) for one in named if not is_there(one)]

        assert missing == []

    def test_both_languages_say_the_same(self):
        english, russian = (rows(page, level=1) for page in PAGES)

        assert [(row[0], row[3]) for row in english] == [(row[0], row[3]) for row in russian]
        for one, other in zip(english, russian, strict=True):
            assert STATES[PAGES[0]].index(one[1]) == STATES[PAGES[1]].index(other[1])

    def test_these_are_the_requirements(self, shared_data):
        with (shared_data / "asvs" / "asvs-5.0.0.csv").open(encoding="utf-8") as file:
            listed = [
                row["req_id"].removeprefix("V") for row in csv.DictReader(file) if row["L"] == "1"
            ]

        assert listed == LEVEL_1

    @each_page
    def test_the_words_are_our_own(self, page, shared_data):
        """The standard is shared under its own license: no eight of its words in a row."""
        with (shared_data / "asvs" / "asvs-5.0.0.csv").open(encoding="utf-8") as file:
            theirs = {run for row in csv.DictReader(file) for run in runs(row["req_description"])}

        assert not theirs & set(runs(text_of(page)))


def is_there(name: str) -> bool:
    """Whether a test (`file` or `file::name`), a setting or a class of one of them is there."""
    path, _, inner = name.partition("::")
    if path.startswith("tests/"):
        return (ROOT / path).is_file() and (not inner or inner in names_in(path))
    return bool(name.isupper() and hasattr(settings, name))


def runs(text: str, length: int = 8) -> list[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return list(zip(*(words[start:] for start in range(length)), strict=False))


class TestLevel2:
    @each_page
    def test_its_requirements_are_of_level_2(self, page, shared_data):
        with (shared_data / "asvs" / "asvs-5.0.0.csv").open(encoding="utf-8") as file:
            second = {
                row["req_id"].removeprefix("V") for row in csv.DictReader(file) if row["L"] == "2"
            }
        told = [number for row in rows(page, level=2) for number in numbers(row[0])]

        assert len(told) == len(set(told))
        assert 20 <= len(told) <= 60
        assert set(told) <= second

    def test_both_languages_judge_the_same_ones(self):
        english, russian = ([row[0] for row in rows(page, level=2)] for page in PAGES)

        assert english == russian


@each_page
def test_the_limits_of_guessing_are_written_down(page):
    for name in ("SIGN_IN_ACCOUNT_FAILURES", "SIGN_IN_ADDRESS_FAILURES", "TRUSTED_PROXIES"):
        assert f"`{name}`" in text_of(page)
    assert set(config.SignIn.model_fields) >= {"account_failures", "address_failures"}


@each_promise
def test_the_promises_take_a_page(page):
    assert 40 <= len(text_of(page).splitlines()) <= 80


@each_promise
def test_the_days_of_updates_are_written_down(page):
    updates = text_of(page).split("\n## ")[-1]

    assert re.findall(r"\b(?:7|30|90)\b", updates) == ["7", "30", "90"]


@each_promise
def test_links_of_the_promises_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)", text_of(page)):
        assert (ROOT / link).is_file(), link


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/ru/operations.md"])
def test_the_proxies_of_the_pages_speak_modern_tls_only(page):
    text = text_of(page)

    assert re.findall(r"ssl_protocols +(.*);", text) == ["TLSv1.2 TLSv1.3"]
    assert re.findall(r"protocols (tls.*)", text) == ["tls1.2 tls1.3"]
    for name in ("Host", "X-Forwarded-For", "X-Forwarded-Proto"):
        assert f"proxy_set_header {name} " in text


def test_a_link_that_sets_a_password_is_good_for_an_hour_at_most():
    assert settings.PASSWORD_RESET_TIMEOUT <= 3600


def test_nobody_has_an_account_by_default():
    """No migration makes a user, and no fixture brings one."""
    migrations = [path.read_text() for path in ROOT.glob("*/migrations/*.py")]

    assert migrations
    assert not [text for text in migrations if "create_user" in text or "create_superuser" in text]
    assert not [text for text in migrations if "password=" in text]
    assert not [path for room in ROOT.glob("*/fixtures") for path in room.glob("*.json")]


def test_there_are_no_secret_questions():
    """No model of ours keeps a hint or an answer."""
    ours = [model for model in apps.get_models() if model.__module__.startswith("accounts.")]
    names = {field.name for model in ours for field in model._meta.get_fields()}

    assert ours
    assert not [name for name in names if re.search(r"hint|question|answer|reminder", name)]


def pins(name: str) -> dict[str, Requirement]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if re.match(r"\w", line)]
    return {f"{canonicalize_name(one.name)} {one.marker}": one for one in found}


def test_what_is_tested_is_what_is_pinned():
    """Versions in `requirements/` are exact, the same for tests, and those that are installed."""
    base, dev = pins("base"), pins("dev")
    installed = {canonicalize_name(one.metadata["Name"]): one.version for one in distributions()}

    assert len(base) > 30
    assert all(str(one.specifier).startswith("==") for one in [*base.values(), *dev.values()])
    assert [
        f"{one}, {dev[key]}" for key, one in base.items() if key in dev and dev[key] != one
    ] == []
    here = [one for one in base.values() if one.marker is None or one.marker.evaluate()]
    assert [
        f"{one} is {version}"
        for one in here
        if (version := installed.get(canonicalize_name(one.name), "0")) not in one.specifier
    ] == []
