"""How a run's processes share the tests: the long ones first, and by modules where they are short."""

from collections.abc import Generator, Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ALONE = "tests/acceptance/"
"""Each test is a share of its own there: some take half a minute, most of it waiting."""

AT_LEISURE = ("tests/acceptance/test_vision_faults.py", "tests/integration/test_gigachat.py")
"""What they expect has a time to come in. All of them are one share, so that they do not
take the machine from one another."""


REAL_SERVER = ("tests/contracts/test_object_store.py", "tests/contracts/test_real_server.py")
"""One share, since the process that runs them starts the server."""

TOGETHER = (
    "tests/acceptance/test_pipeline.py::TestDemo",
    "tests/acceptance/test_chaos.py::TestOwnServer",
    "tests/acceptance/test_console_in_browser.py",
    "tests/acceptance/test_graph_in_browser.py",
    "tests/permission_table/",
)
"""Classes, modules and a folder whose tests share a fixture that takes long: one share each."""


GRAPH = "tests/integration/test_graph"
"""One share, since the process that runs them starts the server of the graph."""


WAITING = (
    ALONE,
    "at leisure",
    "real server",
    "tests/integration/test_concurrency_limit.py",
    "tests/integration/test_end_to_end.py",
    "tests/integration/test_events.py",
    "tests/integration/test_liveness.py",
    "tests/integration/test_local.py",
)
"""What shares begin with that mostly wait: others compute beside them."""

SPREAD = 0.6
"""Over what part of the other shares those that wait are spread: none is among the last."""


def _share_of(nodeid: str) -> str:
    module = nodeid.partition("::")[0]
    if module in AT_LEISURE:
        return "at leisure"
    if module.startswith(GRAPH):
        return "graph"
    if module in REAL_SERVER:
        return "real server"
    for shared in TOGETHER:
        if nodeid.startswith(shared):
            return shared
    return nodeid if module.startswith(ALONE) else module


class Shares(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _share_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares | None:
    if config.getvalue("dist") != "load":
        return None
    config.option.loadscopereorder = False  # the longest share is not the one with most tests
    return Shares(config, log)


def pytest_sessionstart(session: pytest.Session) -> None:
    """
    Of a whole run, each process compiles a part of the modules first: the others find it done.

    All in the same order, each process of a fresh clone would do all the work.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    root = session.config.rootpath
    paths = sorted(root.glob("tests/**/test_*.py"))
    for path in paths[int(worker["workerid"].removeprefix("gw")) :: worker["workercount"]]:
        # A module that cannot be imported is told of when it is collected.
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(path.relative_to(root).with_suffix("").parts))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    At the end of a run nobody should wait for one long test, and until then no core should wait
    for tests that wait.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)
        places = _places(dict.fromkeys(_share_of(item.nodeid) for item in items))
        items.sort(key=lambda item: places[_share_of(item.nodeid)])


def _places(shares: Iterable[str]) -> dict[str, float]:
    """Where each share comes in the run, from 0 to 1; those of a kind keep their order."""
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for share in shares:
        kinds[share.startswith(WAITING)].append(share)
    return {
        share: (SPREAD if waits else 1) * number / len(of_a_kind)
        for waits, of_a_kind in kinds.items()
        for number, share in enumerate(of_a_kind)
    }


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Names of files that are no Unicode are told of; between processes only Unicode goes."""
    data = yield
    return _in_unicode(data)


def _in_unicode(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {key: _in_unicode(each) for key, each in value.items()}
        case list() | tuple():
            return type(value)(map(_in_unicode, value))
        case _:
            return value


def _rank(item: pytest.Item) -> int:
    if item.nodeid.startswith((ALONE, *TOGETHER)):
        return 0
    return 1 if any(map(item.get_closest_marker, ("real_data", "slow"))) else 2
