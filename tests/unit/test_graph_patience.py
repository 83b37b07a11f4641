"""A graph that accepts connections and never answers holds up nobody for long."""

import socket
import time

import pytest
from django.utils import translation
from django.utils.translation import gettext

from events.outage import Silence
from events.sentences import retold
from graph import health
from graph.errors import GraphUnavailable
from graph.store import connection, patience
from telegram_assistant.config import Neo4j

pytest.importorskip("neo4j")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(patience, "QUESTION_SECONDS", 0.3)
    monkeypatch.setattr(patience, "SIGN_SECONDS", 0.2)


@pytest.mark.costly
@pytest.mark.parametrize("asked", [connection.ask, lambda query: list(connection.stream(query))])
def test_a_graph_that_hangs_is_given_up_and_then_left_alone(settings, monkeypatch, asked):
    connection.forget()
    monkeypatch.setattr(connection, "SILENCE_SECONDS", 0.4)
    monkeypatch.setattr(connection, "silence", Silence(10.0))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.NEO4J = Neo4j(url=f"bolt://127.0.0.1:{silent.getsockname()[1]}")
        connection._package()
        began = time.monotonic()
        with pytest.raises(GraphUnavailable, match="не отвечает"):
            asked("RETURN 1")
        first, began = time.monotonic() - began, time.monotonic()
        with pytest.raises(GraphUnavailable, match="не отвечает"):
            asked("RETURN 1")
        second = time.monotonic() - began
    connection.forget()

    assert first < 3
    assert second < 0.2


@pytest.mark.costly
def test_a_long_question_is_waited_for_as_long_as_the_graph_is_there():
    def slow():
        time.sleep(0.6)
        return "answer"

    assert patience.in_time(slow, lambda: None) == "answer"
    with pytest.raises(TimeoutError):
        patience.in_time(slow, slow)


@pytest.mark.parametrize("failure", [ValueError("no"), TimeoutError("of the driver")])
def test_what_fails_is_told_as_it_is(failure):
    def fails():
        raise failure

    with pytest.raises(type(failure), match=str(failure)):
        patience.in_time(fails, lambda: None)


def test_a_finding_about_the_graph_is_english_and_ends_what_the_driver_said(settings):
    """It is kept for programs, and retold where people read it."""
    connection.forget()
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
    settings.NEO4J = Neo4j(url=f"bolt://127.0.0.1:{port}")
    with translation.override("ru"):
        [found] = health.answers()
        told = retold(found.detail, gettext)
    connection.forget()

    assert found.detail.startswith(
        f"the graph at bolt://127.0.0.1:{port} does not answer, start it or"
    )
    assert not found.detail.endswith(":")
    assert told.startswith(f"граф по адресу bolt://127.0.0.1:{port} не отвечает, запустите его")
