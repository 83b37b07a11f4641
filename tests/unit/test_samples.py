"""Which of the tests that cost much are in a run."""

from types import SimpleNamespace

import pytest

from tests import samples
from tests.examples import ALL

WHOLE = ["tests"]


class Item:
    """What the choice looks at of a test."""

    def __init__(self, nodeid, mark=None, *args):
        self.nodeid = nodeid
        self._marks = {mark: SimpleNamespace(args=args)} if mark else {}

    def get_closest_marker(self, name):
        return self._marks.get(name)

    def add_marker(self, mark):
        self._marks[mark.name] = mark


def chosen(items, *, seed="1", args=WHOLE, keyword=""):
    config = SimpleNamespace(
        args=args,
        getini=lambda _: WHOLE,
        option=SimpleNamespace(hypothesis_seed=seed, keyword=keyword),
    )
    samples.pytest_collection_modifyitems(config, items)
    return [item.nodeid for item in items if not item.get_closest_marker("long")]


def costly(count=300):
    return [Item(f"tests/test_a.py::test_{n}", "costly") for n in range(count)]


@pytest.fixture(autouse=True)
def _a_usual_run(monkeypatch):
    monkeypatch.delenv(ALL, raising=False)


def test_a_run_has_a_third_of_the_costly_tests_and_the_same_seed_the_same_third():
    first = chosen(costly())

    assert 70 <= len(first) <= 130
    assert chosen(costly()) == first


def test_none_of_them_is_left_out_for_ever():
    runs = [set(chosen(costly(), seed=str(seed))) for seed in range(40)]

    assert set.union(*runs) == {item.nodeid for item in costly()}


def test_all_others_are_in_every_run():
    usual = [Item(f"tests/test_b.py::test_{n}") for n in range(10)]

    assert set(chosen([*costly(), *usual])) >= {item.nodeid for item in usual}


@pytest.mark.parametrize("asked", [{"args": ["tests/test_a.py"]}, {"keyword": "test_"}])
def test_who_asks_for_tests_by_name_gets_all_of_them(asked):
    assert len(chosen(costly(), **asked)) == 300


def test_of_many_parameters_there_is_a_sample():
    items = [Item(f"tests/test_c.py::test_c[{n}]", "sampled", 8) for n in range(30)]

    assert len(chosen(items)) == 8


def test_make_long_takes_all(monkeypatch):
    monkeypatch.setenv(ALL, "1")
    sampled = [Item(f"tests/test_c.py::test_c[{n}]", "sampled", 8) for n in range(30)]

    assert chosen([*costly(), *sampled]) == []
