"""The bench's own arithmetic: what counts as held, and what `make bench` answers."""

import json
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.support import report, turns
from bench.support.report import Figure


@pytest.mark.parametrize(
    ("figure", "holds"),
    [
        (Figure("a", 1.4, at_most=1.4), True),
        (Figure("a", 1.41, at_most=1.4), False),
        (Figure("a", 0.9, at_least=0.9), True),
        (Figure("a", 0.89, at_least=0.9), False),
        (Figure("a", 0.5, at_least=1, at_most=1), False),
        (Figure("a", 1e9), True),
    ],
)
def test_a_bound_holds_up_to_its_value(figure, holds):
    assert figure.holds is holds


def test_what_was_skipped_says_so_and_why():
    assert "SKIPPED: no tool" in str(Figure("a", at_most=1, skipped="no tool"))


def test_the_summary_tells_a_failed_figure_and_a_broken_bench_from_success(capsys):
    held, failed = Figure("good", 1, at_most=2), Figure("bad", 3, at_most=2)

    assert bench._summary([held], [], minutes=1) == 0
    assert bench._summary([held, failed], [], minutes=1) == 1
    assert bench._summary([held], ["ocr"], minutes=1) == 1
    shown = capsys.readouterr().out
    assert "FAILS" in shown
    assert "ocr: BROKEN" in shown


def test_figures_reach_the_summary_through_the_file(tmp_path, monkeypatch, capsys):
    path = tmp_path / "figures"
    monkeypatch.setenv(report.VARIABLE, str(path))
    figures = [Figure("a", 1.5, at_most=2, unit="times"), Figure("b", skipped="nothing there")]

    assert report.close(figures) == 0
    assert report.close([Figure("c", 3, at_most=2)]) == 1
    assert report.read(path) == [*figures, Figure("c", 3, at_most=2)]


def test_the_two_sides_of_a_comparison_take_turns_in_both_orders():
    order = []

    def side(name, seconds):
        def work():
            order.append(name)
            return seconds

        return work

    found = turns.in_turn(side("a", 3.0), side("b", 2.0), rounds=3)

    assert order == ["a", "b", "b", "a", "a", "b"]
    assert found.ratio == 1.5


def test_each_of_the_forty_queries_for_pictures_names_pictures_that_are_there():
    queries = json.loads(Path("bench/picture_queries.json").read_text(encoding="utf-8"))
    sample = Path("telegram_assistant/sample/ChatExport_2026-11-01/photos")
    named = [name for query in queries for name in query["right"]]

    assert len({query["query"] for query in queries}) == 40
    assert all(query["right"] for query in queries)
    missing = [
        name
        for name in named
        if name.startswith("sample/") and not (sample / name.removeprefix("sample/")).exists()
    ]
    assert missing == []
