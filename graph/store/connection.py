"""
The connection to the graph: the only home of the packages `neo4j` and `neomodel`.

Nothing is imported or connected before the first question, so web server and migrations start
without a graph. Bolt is no HTTP, and does not go through the guard of outbound requests: the
only address that is ever connected to is the operator's, or that of the embedded server.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from django.conf import settings
from django.utils.translation import gettext

from events.outage import Silence
from events.sentences import Sentence, gettext_noop
from graph.embedded import server
from graph.errors import GraphOff, GraphUnavailable
from graph.store.patience import in_time

Result = TypeVar("Result")
Rows = list[dict[str, Any]]
CONNECT_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 15.0
READY_SECONDS: Final = 30.0
MOST_CONNECTIONS: Final = 10
SILENCE_SECONDS: Final = 3.0
"""A question that failed after so long was left without an answer: the server is silent."""
_NO_ANSWER: Final = Sentence(
    gettext_noop(
        "the graph at %(address)s does not answer, start it or correct NEO4J_URL: %(what)s"
    )
)
_SILENT: Final = Sentence(
    gettext_noop("the graph at %(address)s has not answered for some seconds")
)
_REFUSES: Final = Sentence(
    gettext_noop(
        "the graph at %(address)s refuses the name or the password:"
        " check NEO4J_USER and NEO4J_PASSWORD"
    )
)


@dataclass(slots=True)
class _Held:
    """The driver of the process `pid`, which a fork leaves to its parent."""

    driver: Any = None
    pid: int = 0
    has_labels: bool = False


_held: Final = _Held()
silence: Final = Silence()


def configured() -> bool:
    """Whether this installation has a graph."""
    return bool(settings.NEO4J.configured)


def write(work: Callable[[Any], Result]) -> Result:
    """Run `work` with a transaction; it may be run again where the server asks for it."""
    with _answering(), _session() as session:
        result: Result = session.execute_write(work)
        return result


def ask(query: str, **parameters: Any) -> Rows:
    """Run a query that only reads; returns its rows. Raises GraphOff and GraphUnavailable."""

    def question() -> Rows:
        with _answering(), _session() as session:
            rows: Rows = session.execute_read(lambda run: run.run(query, **parameters).data())
            return rows

    with _not_silent():
        return _in_time(question)


def _in_time(question: Callable[[], Result]) -> Result:
    """The answer; raises GraphUnavailable after five seconds in which the graph says nothing."""
    if not configured():
        raise GraphOff
    _package()  # reading it takes a second, which is not the graph's
    if settings.NEO4J.embedded and _held.driver is None:
        return question()  # it is started first, which takes as long as it takes
    try:
        return in_time(question, _sign_of_life)
    except TimeoutError as error:
        raise GraphUnavailable(_silent()) from error


def _sign_of_life() -> None:
    with _answering(), _driver().session(database=_address()[2]) as session:
        session.run("RETURN 1").consume()


def stream(query: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """The rows of a query that only reads, one after the other: there may be any number."""
    with _not_silent():
        _in_time(_sign_of_life)
        yield from _streamed(query, parameters)


def _streamed(query: str, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with _answering(), _session() as session:
        for record in session.run(query, **parameters):
            yield record.data()


def install_labels() -> None:
    """Make the unique keys and indexes of `graph.nodes`; those that are there are left alone."""
    with _answering():
        _install(_driver())


def forget() -> None:
    """Connect anew at the next question, as after a change of the address."""
    if _held.driver is not None and _held.pid == os.getpid():
        _held.driver.close()
    _held.driver, _held.has_labels = None, False


@contextmanager
def _session() -> Iterator[Any]:
    driver = _driver()
    if not _held.has_labels:
        _install(driver)
    with driver.session(database=_address()[2]) as session:
        yield session


def _driver() -> Any:
    if _held.driver is None or _held.pid != os.getpid():
        _held.driver, _held.pid, _held.has_labels = _connect(), os.getpid(), False
    return _held.driver


def _connect() -> Any:
    package = _package()
    url, auth, _ = _address()
    logging.getLogger("neo4j.notifications").setLevel(logging.ERROR)  # hints about each new name
    driver = package.GraphDatabase.driver(
        url,
        auth=auth,
        connection_timeout=CONNECT_SECONDS,
        connection_acquisition_timeout=2 * CONNECT_SECONDS,
        max_transaction_retry_time=RETRY_SECONDS,
        max_connection_pool_size=MOST_CONNECTIONS,
        telemetry_disabled=True,
    )
    try:
        _wait_until_ready(driver, package.exceptions.Neo4jError)
    except BaseException:
        driver.close()
        raise
    return driver


def _wait_until_ready(driver: Any, refusal: type[Exception]) -> None:
    """The embedded server listens some seconds before it has its database."""
    end = time.monotonic() + (READY_SECONDS if settings.NEO4J.embedded else 0)
    while True:
        try:
            with driver.session(database=_address()[2]) as session:
                session.run("RETURN 1").consume()
        except refusal:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def _address() -> tuple[str, tuple[str, str], str]:
    """Address, name with password, and name of the database."""
    given = settings.NEO4J
    if not given.configured:
        raise GraphOff
    if given.embedded:
        found = server.start(settings.GRAPH_DIR)
        return found.url, (server.USER, found.password), server.DATABASE
    return given.url, (given.user, given.password.get_secret_value()), given.database


def _install(driver: Any) -> None:
    from graph import nodes  # noqa: PLC0415 - half a second, only where there is a graph

    with driver.session(database=_address()[2]) as session:
        for node in nodes.NODES:
            for statement in _schema(node):
                session.run(statement).consume()
    _held.has_labels = True


def _schema(node: Any) -> Iterator[str]:
    """What makes a label's unique keys and indexes, under neomodel's names for them."""
    label = node.__label__
    for name, column in node.defined_properties(aliases=False, rels=False).items():
        if column.unique_index:
            yield (
                f"CREATE CONSTRAINT constraint_unique_{label}_{name} IF NOT EXISTS"
                f" FOR (n:{label}) REQUIRE n.{name} IS UNIQUE"
            )
        elif column.index:
            yield f"CREATE INDEX index_{label}_{name} IF NOT EXISTS FOR (n:{label}) ON (n.{name})"


def _package() -> Any:
    try:
        import neo4j.exceptions  # noqa: PLC0415 - see `_install`
        import neomodel  # noqa: F401, PLC0415 - see above
    except ImportError as error:
        raise GraphUnavailable(
            gettext(
                "NEO4J_URL is set, and the package neomodel is not installed:"
                " pip install -r requirements/graph.txt"
            )
        ) from error
    return neo4j


@contextmanager
def _not_silent() -> Iterator[None]:
    """Refuse questions at once while the server is silent: a web server has a handful of threads."""
    if silence.forbids():
        raise GraphUnavailable(_silent())
    started = time.monotonic()
    try:
        yield
    except GraphUnavailable:
        if time.monotonic() - started > SILENCE_SECONDS:
            silence.begin()
        raise
    silence.end()


@contextmanager
def _answering() -> Iterator[None]:
    """Turn what the driver raises inside into GraphUnavailable, with a remedy."""
    if not configured():
        raise GraphOff
    errors = _package().exceptions
    try:
        yield
    except errors.AuthError as error:
        raise GraphUnavailable(gettext(_REFUSES.text) % {"address": _where()}) from error
    except (errors.DriverError, errors.Neo4jError, OSError) as error:
        forget()  # a server that was started anew may have another address
        raise GraphUnavailable(_explained(error)) from error


def _explained(error: Exception) -> str:
    what = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(": ")[:300]
    return gettext(_NO_ANSWER.text) % {"address": _where(), "what": what}


def _silent() -> str:
    if settings.NEO4J.embedded:
        return gettext("the embedded graph does not answer yet: ask again in a minute")
    return gettext(_SILENT.text) % {"address": _where()}


def _where() -> str:
    return str(settings.NEO4J.url)
