"""
Of a test with many parameters each run takes some, others each time; `make long` takes the rest.

`@pytest.mark.sampled(8)` above `@pytest.mark.parametrize(…)` takes eight of them in every run. The
seed that hypothesis gets decides which, so that a failure comes again with `--hypothesis-seed`.
"""

import random
from collections import defaultdict
from itertools import chain

import pytest

REST = pytest.mark.long


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is marked long
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tests: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("sampled") and not item.get_closest_marker(REST.name):
            tests[item.nodeid.partition("[")[0]].append(item)
    seed = config.option.hypothesis_seed
    for item in chain.from_iterable(_rest(f"{seed} {name}", of) for name, of in tests.items()):
        item.add_marker(REST)


def _rest(seed: str, items: list[pytest.Item]) -> list[pytest.Item]:
    """What is not in the sample; one item alone was asked for by its name, and is run."""
    marker = items[0].get_closest_marker("sampled")
    assert marker, "only those with the marker are collected"
    [size] = marker.args
    rest = max(len(items) - size, 0) if len(items) > 1 else 0
    return random.Random(seed).sample(sorted(items, key=lambda i: i.nodeid), rest)
