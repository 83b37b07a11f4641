"""Servers that are silent cost few pages a short wait, not all threads of the web server minutes."""

import time
from contextlib import contextmanager
from io import BytesIO
from threading import Event, Thread

import pytest

from graph.errors import GraphUnavailable
from graph.store import connection
from media import stored_bytes
from storage_quota.object_store import ObjectMissing, StoreUnavailable, use
from telegram_assistant.config import Neo4j


class SilentStore:
    """Answers only once `speaks` is set, with a body of several chunks."""

    def __init__(self) -> None:
        self.speaks, self.asked = Event(), 0
        self.body = bytes(range(256)) * 1024

    @contextmanager
    def open(self, key, *, raw=False):
        self.asked += 1
        self.speaks.wait(20)
        if key == "absent":
            raise ObjectMissing(key)
        yield BytesIO(self.body)


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setattr(stored_bytes, "SILENCE_SECONDS", 0.1)
    monkeypatch.setattr(stored_bytes.silence, "rest_seconds", 0.5)
    with use(SilentStore()) as silent:
        yield silent
        silent.speaks.set()
        stored_bytes.silence.end()


def _refused() -> None:
    with pytest.raises(StoreUnavailable):
        stored_bytes.chunks("picture")


def test_a_page_does_not_wait_for_a_silent_store_longer_than_its_patience(store):
    started = time.monotonic()

    _refused()

    assert time.monotonic() - started < 5


def test_after_a_silence_a_hundred_pictures_wait_for_nothing_and_ask_nobody(store):
    _refused()

    for _ in range(100):
        _refused()

    assert store.asked == 1


@pytest.mark.costly
def test_after_a_rest_one_page_asks_again_and_the_others_still_do_not_wait(store):
    _refused()
    time.sleep(0.6)

    pages = [Thread(target=_refused) for _ in range(8)]
    for page in pages:
        page.start()
    for page in pages:
        page.join()

    assert store.asked == 2


@pytest.mark.costly
def test_once_the_store_answers_all_pages_are_served_again(store):
    _refused()
    store.speaks.set()
    time.sleep(0.6)

    assert b"".join(stored_bytes.chunks("picture")) == store.body
    assert stored_bytes.whole("picture") == store.body
    with pytest.raises(ObjectMissing):
        stored_bytes.chunks("absent")


@pytest.mark.parametrize(("patience", "asked"), [(-1.0, 1), (60.0, 5)])
def test_a_graph_that_was_silent_is_not_asked_and_one_that_refuses_is(
    settings, monkeypatch, patience, asked
):
    settings.NEO4J = Neo4j(url="bolt://127.0.0.1:1", password="some password")
    questions = []
    monkeypatch.setattr(connection, "SILENCE_SECONDS", patience)
    monkeypatch.setattr(connection, "_driver", lambda: questions.append(1) or _broken())

    for _ in range(5):
        with pytest.raises(GraphUnavailable):
            connection.ask("RETURN 1 AS one")

    connection.silence.end()
    assert len(questions) == asked


def _broken():
    raise OSError("connection lost")
