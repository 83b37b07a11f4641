"""Code that makes requests past the guard is found: each way out has its homes, by name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "accounts", "albums", "crawl", "events", "graph", "media", "search", "storage_quota",
    "telegram_assistant", "vision",
)  # fmt: skip
GUARD = "events/outbound/"
WAYS_OUT = {
    "httpx": {GUARD, "search/embeddings/openai.py", "crawl/fetchers/http.py", "crawl/fetchers/crawl4ai.py", "vision/providers/gigachat/errors.py", "telegram_assistant/end_to_end/api_request.py"},
    "httpcore": {GUARD},
    "urllib3": {"storage_quota/object_store/s3/"},
    "botocore": {"storage_quota/object_store/s3/"},
    "boto3": set(),
    "storages": {"storage_quota/object_store/s3/client.py"},
    "gigachat": {"vision/providers/gigachat/"},
    "neo4j": {"graph/store/connection.py"},
    "neomodel": {"graph/store/connection.py", "graph/nodes.py"},
    "qdrant_client": {"search/index/qdrant/client.py"},
    "urllib.request": {f"{GUARD}proxies.py"},
    "http.client": set(),
    "requests": {f"{GUARD}requests_session.py"},
    "telethon": {"media/sources/telegram/"},
    "python_socks": set(),
    "aiohttp": set(),
    "websockets": set(),
    "ftplib": set(),
    # the second one for the names of errors of Django's client
    "smtplib": {"accounts/mail.py", "telegram_assistant/health/network.py"},
    "telnetlib": set(),
    "xmlrpc": set(),
    "socket": {
        GUARD,
        "storage_quota/object_store/s3/",  # the connections of boto3, and names of errors
        "accounts/mail.py",  # the name of a type
        "events/workers/heartbeats.py",  # the name of this host
        "events/supervision/supervisors.py",  # the same
        "telegram_assistant/metrics/folder.py",  # the same
    },
}  # fmt: skip
"""Modules with which a request can be made, and who may import them: folders or files."""
_OUT_OF_SOCKET = {"socket", "create_connection", "getaddrinfo", "gethostbyname", "gethostbyname_ex"}
_OUT_OF_HTTPX = {
    "get", "post", "put", "patch", "delete", "head", "options", "request", "stream", "Client",
    "AsyncClient", "HTTPTransport", "AsyncHTTPTransport",
}  # fmt: skip


def sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from (ROOT / room).rglob("*.py")


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of what is imported, wherever in the file, also by `import_module`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in {"import_module", "__import__"}:
                yield str(node.args[0].value)


def strays(source: str, path: str) -> list[str]:
    """Ways out that this file imports without being their home."""
    if not any(way.partition(".")[0] in source for way in WAYS_OUT):
        return []  # parsing is what takes time
    return sorted(
        {
            way
            for name in imported(ast.parse(source))
            for way, homes in WAYS_OUT.items()
            if (name == way or name.startswith(f"{way}."))
            and not any(path.startswith(home) for home in homes)
        }
    )


def calls(source: str, module: str) -> set[str]:
    """Names of `module.name(…)` in the file."""
    if f"{module}." not in source:
        return set()
    return {
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == module
    }


def test_nobody_makes_requests_past_the_guard():
    found = {
        str(path.relative_to(ROOT)): ways
        for path in sources()
        if (ways := strays(path.read_text(), str(path.relative_to(ROOT))))
    }

    assert found == {}


def test_who_knows_httpx_or_sockets_for_another_reason_opens_nothing():
    for path in sources():
        name, source = str(path.relative_to(ROOT)), path.read_text()
        if not name.startswith(GUARD):
            assert not calls(source, "httpx") & _OUT_OF_HTTPX, name
            assert not calls(source, "socket") & _OUT_OF_SOCKET, name


@pytest.mark.parametrize(
    ("source", "way"),
    [
        ("import httpx", "httpx"),
        ("from httpx import get", "httpx"),
        ("def f():\n    import requests", "requests"),
        ("import urllib.request as u", "urllib.request"),
        ("from urllib import request", "urllib.request"),
        ("from http.client import HTTPConnection", "http.client"),
        ("from http import client", "http.client"),
        ("from boto3.session import Session", "boto3"),
        ("import socket", "socket"),
        ("importlib.import_module('urllib3.poolmanager')", "urllib3"),
    ],
)
def test_it_would_be_found(source, way):
    assert strays(source, "media/services/anything.py") == [way]


@pytest.mark.parametrize(
    "source", ["from http import HTTPStatus", "from urllib.parse import quote"]
)
def test_what_is_no_way_out(source):
    assert strays(source, "media/services/anything.py") == []


def test_every_home_is_one():
    for homes in WAYS_OUT.values():
        for home in homes:
            assert (ROOT / home).exists(), home
