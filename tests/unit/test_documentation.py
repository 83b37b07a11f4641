"""What the product can do is written down in both languages, and what is written down is there."""

import argparse
import json
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from pydantic import BaseModel, SecretStr

from events import subscriptions
from events.metrics import series
from events.schemas import ALL
from telegram_assistant import config
from telegram_assistant.metrics import exposition  # noqa: F401 - declares a series
from tests.prometheus import program
from tests.unit.test_config import GROUPS, variables
from vision.policy.schema import VisionPolicy

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.ru.md")
README_LINES = 150
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
PAIRS = [READMES, *((f"docs/{name}", f"docs/ru/{name}") for name in PAGES)]
EVERY_PAGE = [page for pair in PAIRS for page in pair]
COMMANDS = sorted(path.stem for path in ROOT.glob("*/management/commands/[a-z]*.py"))
TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
NONE = "—"
ALERTS = "docker/prometheus/alerts.yml"
DASHBOARDS = sorted(
    str(one.relative_to(ROOT)) for one in ROOT.glob("docker/grafana/dashboards/*.json")
)
DJANGO_OPTIONS = {
    "-h", "--help", "--version", "-v", "--verbosity", "--settings", "--pythonpath", "--traceback",
    "--no-color", "--force-color", "--skip-checks",
}  # fmt: skip
"""Options that every command of Django has."""

both_languages = pytest.mark.parametrize("folder", ["docs", "docs/ru"])
every_page = pytest.mark.parametrize("page", EVERY_PAGE)
every_pair = pytest.mark.parametrize("pair", PAIRS, ids=[pair[0] for pair in PAIRS])


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


class TestReadme:
    @pytest.mark.parametrize("readme", READMES)
    def test_it_is_short(self, readme):
        assert len(text_of(readme).splitlines()) <= README_LINES

    @pytest.mark.parametrize(
        ("readme", "folder"), [("README.md", "docs"), ("README.ru.md", "docs/ru")]
    )
    def test_it_leads_to_every_page(self, readme, folder):
        assert {f"{folder}/{name}" for name in PAGES} <= set(_links(readme))

    @pytest.mark.parametrize("readme", READMES)
    def test_it_shows_the_console(self, readme):
        [picture] = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text_of(readme))

        assert (ROOT / picture).stat().st_size <= 200_000


class TestEveryPage:
    def test_there_is_a_russian_page_for_each_english_one(self):
        russian = sorted(path.name for path in (ROOT / "docs" / "ru").glob("*.md"))

        assert len(PAGES) >= 10
        assert russian == PAGES

    @every_page
    def test_links_lead_to_files_and_headings_that_are_there(self, page):
        broken = [link for link in _links(page, with_anchor=True) if not _resolves(page, link)]

        assert not broken

    @every_page
    def test_files_that_are_named_are_in_the_tree(self, page):
        there = _tracked() | _folders()
        rooms = "|".join(sorted({name.split("/")[0] for name in _tracked() if "/" in name}))
        named = re.findall(rf"`((?:{rooms})/[\w./-]+)`", _without_code(page))

        assert not [name for name in named if name.rstrip("/") not in there]

    @every_page
    def test_commands_that_are_named_exist(self, page):
        named = set(re.findall(r"manage\.py ([a-z_0-9]+)", text_of(page)))

        assert named <= set(get_commands())

    @every_page
    def test_options_of_examples_exist(self, page):
        examples = re.findall(r"python manage\.py ([a-z_0-9]+)([^`\n#]*)", text_of(page))

        unknown = [
            (command, option)
            for command, rest in examples
            for option in re.findall(r"--[a-z][a-z-]+", rest)
            if option not in _all_options(command)
        ]

        assert not unknown

    @every_page
    def test_targets_of_make_that_are_named_exist(self, page):
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(page), re.MULTILINE))

        assert named <= set(TARGETS)

    @every_page
    def test_variables_that_are_named_exist(self, page):
        prefixes = r"(?:S3|VISION|GIGACHAT|METRICS|ALBUM|FEATURE)_[A-Z][A-Z0-9_]*[A-Z0-9]\b(?!…|_)"
        named = set(re.findall(rf"`({prefixes})[`=]", _without_refusals(page)))

        assert named - SCOPES <= set(defaults())


class TestBothLanguages:
    @every_pair
    def test_the_headings_are_the_same(self, pair):
        english, russian = map(_heading_levels, pair)

        assert english == russian

    @every_pair
    def test_the_tables_have_the_same_rows(self, pair):
        english, russian = map(_cells, pair)

        assert english == russian

    @every_pair
    def test_the_blocks_of_code_are_the_same_but_for_comments(self, pair):
        english, russian = map(_code_blocks, pair)

        assert english == russian

    @every_pair
    def test_the_links_are_the_same(self, pair):
        english, russian = (sorted(_targets(page)) for page in pair)

        assert english == russian


class TestConfiguration:
    @both_languages
    def test_every_variable_stands_in_a_table_with_its_default(self, folder):
        assert table(f"{folder}/configuration.md") == defaults()

    @both_languages
    def test_every_key_of_the_policy_is_explained(self, folder):
        page = text_of(f"{folder}/vision.md")

        assert not [key for key in _policy_keys() if f"`{key}`" not in page]


OF_ALL_COMMANDS = ("--as",)
"""Options that the page explains once, above its sections."""


class TestCommands:
    @both_languages
    def test_the_options_of_all_commands_are_explained_above_the_sections(self, folder):
        above = text_of(f"{folder}/commands.md").partition("\n## ")[0]

        assert not [option for option in OF_ALL_COMMANDS if f"`{option} " not in above]

    @both_languages
    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_has_a_section_or_an_example(self, folder, command):
        page = text_of(f"{folder}/commands.md")

        assert f"python manage.py {command}" in page

    @both_languages
    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_option_stands_in_the_section_of_its_command(self, folder, command):
        sections = _sections(f"{folder}/commands.md")

        missing = [
            (title, option)
            for title, options in _options_by_section(command, sections)
            for option in options
            if f"`{option}`" not in sections[title] and option not in OF_ALL_COMMANDS
        ]

        assert not missing

    @both_languages
    def test_every_option_of_a_section_exists(self, folder):
        sections = _sections(f"{folder}/commands.md")
        named = [
            (title.split()[0], option)
            for title, text in sections.items()
            if title.split()[0] in COMMANDS
            for row in re.findall(r"^\| (`--.+?) \|", text, re.MULTILINE)
            for option in re.findall(r"`(--[a-z-]+)`", row)
        ]

        assert named
        assert not [one for one in named if one[1] not in _all_options(one[0])]

    @both_languages
    def test_every_target_of_the_makefile_is_explained(self, folder):
        named = re.findall(
            r"^\| `make ([a-z-]+)` \|", text_of(f"{folder}/commands.md"), re.MULTILINE
        )

        assert sorted(named) == sorted(TARGETS)


class TestArchitecture:
    @both_languages
    def test_every_topic_subscriber_and_queue_is_named(self, folder):
        page = text_of(f"{folder}/architecture.md")
        topics = {f"`{schema.topic}`" for schema in ALL}
        # Without those of tests, which another module of this run may have registered.
        registered = [
            s for s in subscriptions.registered() if not s.handler.__module__.startswith("tests.")
        ]
        subscribers = {f"`{s.name}` ({s.queue})" for s in registered}

        assert not {name for name in topics | subscribers if name not in page}

    @both_languages
    def test_every_room_and_every_folder_of_a_topic_is_drawn(self, folder):
        page = text_of(f"{folder}/architecture.md")
        topics = {
            path
            for path in _folders_of_topics()
            if path.split("/")[1] not in {"admin", "api", "management", "migrations", "models"}
        }

        assert not [path for path in sorted(topics) if f"[{path}]" not in page]


class TestApi:
    @both_languages
    def test_every_metric_is_explained_and_every_one_that_is_explained_exists(self, folder):
        rows = re.findall(r"^\| (`[a-z0-9_`, ]+) \|", text_of(f"{folder}/api.md"), re.MULTILINE)
        explained = {name for row in rows for name in re.findall(r"`([a-z0-9_]+)`", row)}

        assert explained == {one.name for one in series.declared()}

    @both_languages
    def test_the_labels_of_every_metric_are_named(self, folder):
        text = text_of(f"{folder}/api.md")
        rows = re.findall(r"^\| (`[a-z0-9_`, ]+) \| ([^|]*) \|", text, re.MULTILINE)
        named = {
            name: set(re.findall(r"`(\w+)`", labels))
            for names, labels in rows
            for name in re.findall(r"`([a-z0-9_]+)`", names)
        }

        assert not [
            one.name for one in series.declared() if not set(one.label_names) <= named[one.name]
        ]

    def test_no_metric_is_made_but_by_declaring_it(self):
        makers = re.compile(r"(?<!\w)(?:Counter|Gauge|Histogram|Summary|GaugeMetricFamily)\(\s*\"")
        found = {
            name for name in _tracked() if _is_product_code(name) and makers.search(text_of(name))
        }

        assert not found


class TestServiceLevels:
    """What alerts and pages ask Prometheus for is there, whatever it is called elsewhere."""

    @pytest.mark.parametrize(
        "page", ["docs/operations.md", "docs/ru/operations.md", ALERTS, *DASHBOARDS]
    )
    def test_every_series_that_is_asked_for_is_declared(self, page):
        declared = {one.name for one in series.declared()}
        queries = _queries(page)

        asked = {
            re.sub(r"_(bucket|count|sum)$", "", name) if name not in declared else name
            for query in queries
            for name in re.findall(
                r"\b([a-z]+_[a-z0-9_]+)\b(?=[{\[)]| [^(]|$)", _without_words(query)
            )
        }
        assert len(queries) >= (6 if page in DASHBOARDS else 9)
        assert not asked - declared

    def test_fact_116_the_eight_panels_of_albums_have_the_titles_of_the_contract(self):
        board = json.loads(text_of("docker/grafana/dashboards/album_pipeline.json"))

        assert (board["title"], board["uid"]) == ("Album Pipeline Monitoring", "album-pipeline")
        assert [panel["title"] for panel in board["panels"]] == [
            "Albums Parsed Rate", "Albums Assembled Rate", "Album Assembly Lag (p95, p50)",
            "Albums in Progress", "Album Items Count (by Status)", "Album Aggregation Duration (p95)",
            "Album Vision Summary Size", "Active Alerts",
        ]  # fmt: skip

    def test_fact_115_the_eight_alerts_of_albums_are_there(self):
        [group] = [
            g for g in yaml.safe_load(text_of(ALERTS))["groups"] if g["name"] == "album_pipeline"
        ]

        assert {rule["alert"] for rule in group["rules"]} == {
            "AlbumAssemblyLagHigh", "AlbumAssemblyLagCritical", "AlbumItemsCountMismatch",
            "AlbumAssemblerNoActivity", "AlbumStateBacklogHigh", "AlbumAssemblyRateLow",
            "AlbumAssemblyErrorRateHigh", "AlbumAggregationDurationHigh",
        }  # fmt: skip
        assert group["interval"] == "30s"
        assert {rule["labels"]["component"] for rule in group["rules"]} == {"album_assembler"}

    def test_a_quantile_is_of_all_processes_together(self):
        queries = [query for query in _queries(ALERTS) if "histogram_quantile" in query]

        assert len(queries) == 3
        assert all("sum by (le)" in query for query in queries)

    def test_fact_115_promtool_reads_the_rules(self):
        tool = program("promtool")

        done = subprocess.run(
            [tool, "check", "rules", ROOT / ALERTS], capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stdout + done.stderr


class TestBenchmarks:
    @both_languages
    def test_every_bench_is_in_the_table(self, folder):
        page = text_of(f"{folder}/benchmarks.md")
        benches = re.search(
            r"^BENCHES = \((.*?)\)", text_of("bench/__main__.py"), re.MULTILINE | re.DOTALL
        )

        names = set(re.findall(r'"(\w+)"', benches[1]))

        assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == names


class TestContract:
    def test_each_acceptance_fact_has_a_test_of_its_name(self):
        tests = "\n".join(text_of(name) for name in _tracked() if name.startswith("tests/"))
        names = re.findall(r"(?:def test_fact|class TestFact)((?:_?\d{3})+)", tests)

        told = {int(number) for name in names for number in re.findall(r"\d{3}", name)}

        assert set(range(1, 122)) <= told

    @both_languages
    def test_every_paragraph_that_the_code_cites_is_there(self, folder):
        headings = set(
            re.findall(r"^#+ §([\d.HA-G]+) ", text_of(f"{folder}/contract.md"), re.MULTILINE)
        )

        assert len(_cited(r"§([\d.]*\d(?:\.[A-H])?)")) > 30
        assert not _cited(r"§([\d.]*\d(?:\.[A-H])?)") - headings

    @both_languages
    def test_every_number_that_the_code_cites_is_there(self, folder):
        page = text_of(f"{folder}/contract.md")
        numbers = {f"| {number} |" for number in _cited(r"([A-D]\d+)")}
        word = {"docs": "Fact", "docs/ru": "Факт"}[folder]
        facts = {f"{word} {number}:" for number in _cited(r"(?:§[\d.]+, )?fact (\d+)")}

        assert not {one for one in numbers | facts if one not in page}


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


# --- What the product has -----------------------------------------------------------------

SCOPES = {"GIGACHAT_API_PERS", "GIGACHAT_API_B2B", "GIGACHAT_API_CORP"}
"""Values that look like names of variables."""


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


def _policy_keys() -> list[str]:
    """`section.key`; a section without figures of its own is named as a whole."""
    whole = {"prompt_presets", "allowed_mime_types"}
    keys = []
    for section, field in VisionPolicy.model_fields.items():
        assert issubclass(field.annotation, BaseModel)
        names = field.annotation.model_fields
        keys += [section] if section in whole else [f"{section}.{name}" for name in names]
    return keys


def _parsers(command: str) -> dict[str, argparse.ArgumentParser]:
    """The command's own parser under an empty name, and those of its parts."""
    parser = load_command_class(get_commands()[command], command).create_parser("x", command)
    parsers = {"": parser}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            parsers |= action.choices
    return parsers


def _options(parser: argparse.ArgumentParser) -> set[str]:
    """Its long options, without those that every command has."""
    named = {option for action in parser._actions for option in action.option_strings}
    return {option for option in named - DJANGO_OPTIONS if option.startswith("--")}


def _all_options(command: str) -> set[str]:
    parsers = _parsers(command).values()
    return {o for p in parsers for a in p._actions for o in a.option_strings}


def _options_by_section(command: str, sections: dict[str, str]) -> list[tuple[str, set[str]]]:
    """A part has a section of its own (`events list`), or shares that of its command."""
    parsers = _parsers(command)
    own = parsers.pop("")
    if not parsers:
        return [(command, _options(own))] if command in sections else []
    found = []
    for part, parser in parsers.items():
        title = f"{command} {part}"
        found.append((title if title in sections else command, _options(parser)))
    return found


def _queries(page: str) -> list[str]:
    """PromQL of the alert rules, or of a page."""
    text = text_of(page)
    if page in DASHBOARDS:
        panels = json.loads(text)["panels"]
        return [one["expr"] for panel in panels for one in panel.get("targets", ())]
    if page == ALERTS:
        return [rule["expr"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    return re.findall(r"^```promql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _without_words(query: str) -> str:
    """Without the names of labels and functions."""
    plain = re.sub(r"\{[^}]*\}", "{}", query)
    return re.sub(r"\bby \([^)]*\)|histogram_quantile", "", plain)


def _cited(pattern: str) -> set[str]:
    """What the comments cite of the contract."""
    sources = [text_of(name) for name in _tracked() if _is_product_code(name)]
    lists = [found for s in sources for found in re.findall(r"CONTRACT ([^)\n]+)", s)]
    numbers = {n for found in lists for n in re.findall(rf"(?:^|, |and ){pattern}", found)}
    return {number.rstrip(".") for number in numbers}


def _is_product_code(name: str) -> bool:
    return name.endswith(".py") and name.split("/", maxsplit=1)[0] not in {
        "tests",
        "bench",
        "tools",
    }


@cache
def _tracked() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return {name for name in listed.split("\0") if name and (ROOT / name).exists()}


@cache
def _folders() -> set[str]:
    return {str(parent) for name in _tracked() for parent in Path(name).parents}


def _folders_of_topics() -> set[str]:
    """Folders of the rooms that hold code, one level deep."""
    rooms = {"events", "storage_quota", "media", "vision", "albums", "crawl", "search"}
    code = [name.split("/") for name in _tracked() if name.endswith(".py")]
    return {"/".join(parts[:2]) for parts in code if parts[0] in rooms and len(parts) > 2}


def _example() -> dict[str, str]:
    return dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", text_of(".env.example"), re.MULTILINE))


# --- What a page says -----------------------------------------------------------------------


def table(page: str) -> dict[str, str]:
    """The variables of a page's tables with the defaults they name."""
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (\S+) \|", text_of(page), re.MULTILINE)
    assert len(rows) == len({name for name, _ in rows})
    return {variable: "" if default == NONE else default.strip("`") for variable, default in rows}


def _sections(page: str) -> dict[str, str]:
    """Text under each heading of the third level."""
    parts = re.split(r"^### (.+)$", text_of(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _links(page: str, *, with_anchor: bool = False) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", _without_code(page))
    local = [link for link in found if "://" not in link]
    return local if with_anchor else [link.partition("#")[0] for link in local]


def _resolves(page: str, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (ROOT / page).parent / name if name else ROOT / page
    if not target.exists():
        return False
    return not anchor or anchor in _anchors(str(target.resolve().relative_to(ROOT)))


def _targets(page: str) -> list[str]:
    """Files that a page links to; a Russian page by the name of its English one."""
    found = []
    for link in _links(page):
        target = ((ROOT / page).parent / link).resolve() if link else ROOT / page
        name = str(target.relative_to(ROOT))
        found.append(
            name.replace("docs/ru/", "docs/").replace(".ru.md", ".md").replace("-ru.", ".")
        )
    return found


def _anchors(page: str) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", _without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def _heading_levels(page: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", _without_code(page), re.MULTILINE)]


def _cells(page: str) -> list[int]:
    """Number of cells of each row of each table."""
    return [row.count("|") for row in _without_code(page).splitlines() if row.startswith("|")]


def _code_blocks(page: str) -> list[list[str]]:
    """Lines of each block without their comments; of a drawing, only their number."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)
    return [_code(body) if language else [""] * body.count("\n") for language, body in blocks]


def _code(body: str) -> list[str]:
    return [re.sub(r"(^|\s+)# .*$", "", line) for line in body.splitlines()]


def _without_code(page: str) -> str:
    return re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def _without_refusals(page: str) -> str:
    """Without the paragraph that lists the contract's variables which do not exist."""
    lead = (
        r"^(?:These variables of the contract do not exist|Этих переменных контракта нет): .*?\n\n"
    )
    return re.sub(lead, "", text_of(page), flags=re.MULTILINE | re.DOTALL)
