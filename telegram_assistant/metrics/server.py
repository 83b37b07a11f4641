"""GET /metrics on METRICS_PORT, for the workers and commands of this host."""

import logging
import os
import time
from collections.abc import Iterable
from http import HTTPStatus
from threading import Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.db import connections

from telegram_assistant.metrics import exposition, gate

logger = logging.getLogger(__name__)


TRY_EVERY: Final = 1.0
"""Seconds between two attempts to get a port that is in use, and looks at the supervisor."""

HEADERS: Final = (
    ("Server", "metrics"),  # wsgiref's own names its version and Python's
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)


class Handler(WSGIRequestHandler):
    timeout = 10
    """Seconds for a request to arrive; a slow client would block the only thread."""
    server_version, sys_version = "metrics", ""
    """Of the header `Server` where a request is no HTTP: no versions."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        logger.debug(format, *args)


def serve_beside(supervisor_pid: int) -> None:
    """
    Serve as long as this process's parent is the supervisor; while the port is in use, wait for it.

    The port may be in use by another `qcluster` of this host, which serves the counts of all
    of them. The workers do not need it.
    """
    server = start()
    while os.getppid() == supervisor_pid:
        time.sleep(TRY_EVERY)
        server = server or start(warn=False)


def start(*, warn: bool = True) -> WSGIServer | None:
    """Serve from a thread that ends with the process; None if METRICS_PORT is 0 or in use."""
    host, port = settings.METRICS.host, settings.METRICS.port
    if not port:
        return None
    try:
        server = make_server(host, port, application, handler_class=Handler)
    except OSError as error:
        logger.log(
            logging.WARNING if warn else logging.DEBUG,
            "METRICS_PORT: %s:%s cannot be used (%s); this qcluster serves no /metrics until it can",
            host, port, error.strerror,
        )  # fmt: skip
        return None
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    logger.info("Metrics are at http://%s:%s/metrics", host, server.server_port)
    return server


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/metrics":
        return _refuse(HTTPStatus.NOT_FOUND, start_response)
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
        return _refuse(HTTPStatus.METHOD_NOT_ALLOWED, start_response)
    # Without a token, METRICS_HOST alone decides which hosts can connect.
    if settings.METRICS.token is not None and not gate.is_open_to(environ):
        return _refuse(HTTPStatus.UNAUTHORIZED, start_response)
    try:
        body, content_type = exposition.page(environ.get("HTTP_ACCEPT", ""))
    finally:
        connections.close_all()
    start_response("200 OK", [("Content-Type", content_type), *HEADERS])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _refuse(status: HTTPStatus, start_response: StartResponse) -> Iterable[bytes]:
    start_response(
        f"{status.value} {status.phrase}", [("Content-Type", "text/plain; charset=utf-8"), *HEADERS]
    )
    return [f"{status.phrase}\n".encode()]
