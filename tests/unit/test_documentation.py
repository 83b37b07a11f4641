"""What the product can do is written down, and what is written down is there."""

import argparse
import re
import tomllib
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from pydantic import SecretStr

from events import subscriptions
from events.schemas import ALL
from telegram_assistant import config
from tests.unit.test_config import GROUPS, variables

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.ru.md")
COMMANDS = sorted(path.stem for path in ROOT.glob("*/management/commands/[a-z]*.py"))
TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
NONE = "—"

readme = pytest.mark.parametrize("readme", READMES)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def defaults() -> dict[str, str]:
    """Every variable with its default as a person would write it; empty where there is none."""
    fields = {
        name: field
        for group in GROUPS
        for name, field in zip(_names(group), group.model_fields.values(), strict=True)
    }
    return {name: _written(field.default) for name, field in fields.items()}


def _names(group) -> list[str]:
    return [f"{group.model_config['env_prefix']}{name}".upper() for name in group.model_fields]


def _written(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return ",".join(value)
        case Path():
            return str(value.relative_to(ROOT))
        case SecretStr():
            return value.get_secret_value()
        case _:
            return str(value)


def table(name: str) -> dict[str, str]:
    """The variables of a README's table with the default it names."""
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (\S+) \|", text_of(name), re.MULTILINE)
    return {variable: "" if default == NONE else default.strip("`") for variable, default in rows}


def headings(name: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", _without_code(name), re.MULTILINE)]


def anchors(name: str) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", _without_code(name), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def _without_code(name: str) -> str:
    return re.sub(r"^```.*?^```", "", text_of(name), flags=re.MULTILINE | re.DOTALL)


class TestReadme:
    @readme
    def test_every_variable_stands_in_the_table_with_its_default(self, readme):
        assert table(readme) == defaults()

    @readme
    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_is_shown_with_an_example(self, readme, command):
        assert f"python manage.py {command} " in text_of(readme) or (
            f"python manage.py {command}`" in text_of(readme)
        )

    @readme
    def test_every_part_of_events_is_shown_with_an_example(self, readme):
        parser = load_command_class("events", "events").create_parser("manage.py", "events")
        [parts] = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]

        missing = [
            p for p in parts.choices if f"python manage.py events {p}" not in text_of(readme)
        ]

        assert not missing

    @readme
    def test_every_command_that_is_named_exists(self, readme):
        named = set(re.findall(r"manage\.py ([a-z_0-9]+)", text_of(readme)))

        assert named <= set(get_commands())

    @readme
    def test_every_option_of_an_example_exists(self, readme):
        examples = re.findall(r"python manage\.py ([a-z_0-9]+)([^`\n#]*)", text_of(readme))

        unknown = [
            (command, option)
            for command, rest in examples
            for option in re.findall(r"--[a-z-]+", rest)
            if option not in _options(command)
        ]

        assert not unknown

    @readme
    def test_every_topic_and_subscriber_is_named(self, readme):
        topics = {schema.topic for schema in ALL}
        subscribers = {subscription.name for subscription in subscriptions.registered()}

        missing = {n for n in topics | subscribers if f"`{n}`" not in text_of(readme)}

        assert not missing

    @readme
    def test_every_target_of_the_makefile_is_named_and_every_named_one_exists(self, readme):
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(readme), re.MULTILINE))

        assert named == set(TARGETS)

    @readme
    def test_relative_links_lead_to_files_that_are_there(self, readme):
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text_of(readme))

        assert links
        assert not [link for link in links if not (ROOT / link).exists()]

    @readme
    def test_links_inside_lead_to_headings(self, readme):
        links = set(re.findall(r"\]\(#([^)]+)\)", text_of(readme)))

        assert links <= anchors(readme)

    @readme
    def test_every_bench_is_in_the_table(self, readme):
        benches = re.search(r"^BENCHES = \((.*)\)", text_of("bench/__main__.py"), re.MULTILINE)

        missing = [
            n for n in re.findall(r'"(\w+)"', benches[1]) if f"| `{n}` |" not in text_of(readme)
        ]

        assert not missing

    def test_both_languages_say_as_much(self):
        english, russian = READMES

        assert headings(english) == headings(russian)
        assert _rows(english) == _rows(russian)
        assert _code_lines(english) == _code_lines(russian)


class TestExampleEnvironment:
    def test_it_names_exactly_the_variables_with_their_defaults(self):
        assert _example() == defaults()

    def test_all_of_it_is_commented_out(self):
        lines = text_of(".env.example").splitlines()

        assert all(line.startswith("#") for line in lines if line)

    def test_uncommented_it_changes_nothing(self, monkeypatch, tmp_path):
        for group in GROUPS:
            monkeypatch.setitem(group.model_config, "env_file", tmp_path / "absent.env")
        for name in variables():
            monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(ROOT)
        untouched = config.read()
        for name, value in _example().items():
            if value:
                monkeypatch.setenv(name, value)

        env = config.read()

        policy = env.vision.vision_policy_config_path.absolute()
        for group in ("web", "s3", "gigachat", "albums"):
            assert getattr(env, group) == getattr(untouched, group)
        assert policy == untouched.vision.vision_policy_config_path


class TestVersion:
    def test_the_newest_entry_of_the_changelog_is_the_version(self):
        newest = re.search(r"^## (\S+)", text_of("CHANGELOG.md"), re.MULTILINE)

        project = tomllib.loads(text_of("pyproject.toml"))["project"]
        assert newest[1] == project["version"]


def _options(command: str) -> set[str]:
    parser = load_command_class(get_commands()[command], command).create_parser("x", command)
    parsers = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            parsers += action.choices.values()
    return {option for p in parsers for a in p._actions for option in a.option_strings}


def _example() -> dict[str, str]:
    return dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", text_of(".env.example"), re.MULTILINE))


def _rows(name: str) -> list[int]:
    """Cells of each row of each table."""
    return [row.count("|") for row in _without_code(name).splitlines() if row.startswith("|")]


def _code_lines(name: str) -> list[int]:
    """Lines of each block of code."""
    blocks = re.findall(r"^```.*?^```", text_of(name), re.MULTILINE | re.DOTALL)
    return [len(block.splitlines()) for block in blocks]
