"""The graph for tests: ArcadeDB's Bolt server, started once per run, or the Neo4j of NEO4J_TEST_URL."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from graph.embedded import server
from graph.store import connection
from graph.store.outage import outage
from telegram_assistant.config import Neo4j


@pytest.fixture(scope="session")
def graph_folder(tmp_path_factory: pytest.TempPathFactory):
    """The folder of the embedded server, which ends with the tests of this process."""
    folder = Path(tmp_path_factory.mktemp("graph"))
    yield folder
    server.stop(folder)


@pytest.fixture
def graph(settings, graph_folder):
    """A graph; each test has tenants of its own in it."""
    if url := os.environ.get("NEO4J_TEST_URL"):
        settings.NEO4J = Neo4j(
            url=url,
            user=os.environ.get("NEO4J_TEST_USER", "neo4j"),
            password=os.environ.get("NEO4J_TEST_PASSWORD", ""),
        )
    elif find_spec("arcadedb_embedded") is None:
        pytest.skip("SKIPPED LOUDLY: neither NEO4J_TEST_URL nor the package arcadedb-embedded")
    else:
        settings.NEO4J, settings.GRAPH_DIR = Neo4j(url="embedded"), graph_folder
    outage.end()
    yield connection
    outage.end()


@pytest.fixture
def no_graph_answers(settings):
    """A graph is configured, and nothing answers at its address."""
    connection.forget()
    settings.NEO4J = Neo4j(url="bolt://127.0.0.1:9")
    outage.end()
    yield
    outage.end()
    connection.forget()
