"""
Qdrant for tests: its client's local mode, and the server that QDRANT_TEST_URL names.

The client is imported where it is used: that takes a second, in each process of a run.
"""

import os
import warnings
from importlib import import_module

import pytest

from search.index import chosen
from search.index.qdrant import client, collections
from telegram_assistant.config import Qdrant


@pytest.fixture
def qdrant(settings):
    """An empty Qdrant in this process, as QDRANT_URL would name it."""
    settings.QDRANT = Qdrant(url="http://127.0.0.1:6333", collection="telegram_posts")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Payload indexes have no effect")
        local = import_module("qdrant_client").QdrantClient(
            ":memory:", force_disable_check_same_thread=True
        )
        before = client.use(local)
        chosen.outage.end()
        yield local
        client.use(before)
        chosen.outage.end()


@pytest.fixture
def qdrant_http(settings):
    """Qdrant's REST API at an address: the client's own HTTP, through the guard."""
    with import_module("tests.qdrant_stub").serve() as (stub, url):
        settings.QDRANT = Qdrant(url=url, collection="telegram_posts")
        client.forget()
        chosen.outage.end()
        yield stub
        client.forget()
        chosen.outage.end()


@pytest.fixture
def qdrant_server(settings):
    """A collection of its own on a real server."""
    url = os.environ.get("QDRANT_TEST_URL")
    if not url:
        pytest.skip("SKIPPED LOUDLY: QDRANT_TEST_URL names no server of Qdrant")
    settings.QDRANT = Qdrant(url=url, collection=f"test_{os.getpid()}")
    client.forget()
    chosen.outage.end()
    yield client.client()
    for name in collections.every():
        collections.drop(name)
    chosen.outage.end()
