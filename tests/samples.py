"""
Each run takes a sample of the tests that cost much, another one each time; `make long` takes all.

`@pytest.mark.sampled(8)` above `@pytest.mark.parametrize(…)` takes eight of the parameters in every
run. `@pytest.mark.costly` takes a test in one run of three: it takes half a second or more, and what
it is about has others that are in every run, as are all with the number of a fact or a report. Who
asks for tests by name gets all of them. The seed that hypothesis gets decides, so that a failure
comes again with `--hypothesis-seed`.
"""

import os
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

import pytest

from tests.examples import ALL

REST = pytest.mark.long
ONE_IN = 3
"""Of how many runs a costly test is in one."""


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is marked long
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = [item for item in items if not item.get_closest_marker(REST.name)]
    seed = config.option.hypothesis_seed
    for item in chain(_other_parameters(seed, chosen), _other_turns(config, seed, chosen)):
        item.add_marker(REST)


def _other_parameters(seed: str, items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    tests: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("sampled"):
            tests[item.nodeid.partition("[")[0]].append(item)
    for name, of in tests.items():
        yield from _rest(f"{seed} {name}", of)


def _rest(seed: str, items: list[pytest.Item]) -> list[pytest.Item]:
    """What is not in the sample; one item alone was asked for by its name, and is run."""
    if ALL in os.environ:
        return items
    marker = items[0].get_closest_marker("sampled")
    assert marker, "only those with the marker are collected"
    [size] = marker.args
    rest = max(len(items) - size, 0) if len(items) > 1 else 0
    return random.Random(seed).sample(sorted(items, key=lambda i: i.nodeid), rest)


def _other_turns(
    config: pytest.Config, seed: str, items: Iterable[pytest.Item]
) -> Iterator[pytest.Item]:
    """What has another turn; who names what he wants waits for none."""
    is_whole = config.args == config.getini("testpaths") and not config.option.keyword
    for item in items if is_whole else ():
        if item.get_closest_marker("costly") and not _has_turn(seed, item.nodeid):
            yield item


def _has_turn(seed: str, name: str) -> bool:
    return ALL not in os.environ and not random.Random(f"{seed} {name}").randrange(ONE_IN)
