"""Whoever commits knows what was committed: nothing that may fail is put off until afterwards."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
PRODUCT = [path for path in TRACKED if not path.startswith(("tests/", "bench/", "tools/"))]
COUNTS = "events/metrics/committed.py"
"""Metrics are counted after the commit; what fails there is logged, and raised to nobody."""


def names(source: str) -> set[str]:
    tree = ast.walk(ast.parse(source))
    return {
        getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", "")
        for node in tree
        if isinstance(node, ast.Attribute | ast.Name | ast.alias)
    }


def test_the_walk_sees_every_way_to_name_it():
    for source in ("transaction.on_commit(f)", "from django.db.transaction import on_commit as o"):
        assert "on_commit" in names(source)


@pytest.mark.parametrize("room", sorted({path.partition("/")[0] for path in PRODUCT}))
def test_nothing_happens_after_a_commit(room):
    """What fails there is raised to a caller who takes it for a failure of all the rest."""
    of_room = [path for path in PRODUCT if path.partition("/")[0] == room and path != COUNTS]

    late = [path for path in of_room if "on_commit" in names((ROOT / path).read_text())]

    assert late == []


def test_a_count_that_fails_after_the_commit_is_raised_to_nobody():
    calls = [
        node
        for node in ast.walk(ast.parse((ROOT / COUNTS).read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "on_commit"
    ]

    assert [ast.unparse(keyword) for call in calls for keyword in call.keywords] == ["robust=True"]
