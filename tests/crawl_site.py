"""A web site on this machine that posts of tests point to; it says what was asked of it."""

import threading
import time
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Page:
    """What is answered; a page with an ETag answers 304 to whoever knows it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: bool = True


def article(title: str, *paragraphs: str, lang: str = "en") -> Page:
    """A page with a menu, an article and a footer."""
    text = "".join(f"<p>{one}</p>" for one in paragraphs)
    html = (
        f'<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="author" content="Anna Ivanova">'
        '<meta property="article:published_time" content="2026-11-20T10:00:00+03:00">'
        '<meta property="og:image" content="/harbor.jpg"></head><body>'
        '<nav><a href="/">Home</a> <a href="/login">Sign in to the zebra club</a></nav>'
        f"<article><h1>{title}</h1>{text}</article><footer>All rights reserved</footer></body></html>"
    )
    return Page(html.encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: "Site"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        self.site.asked.append(self.path)
        self.site.times.append((self.path, time.monotonic()))
        self.site.headers.append(dict(self.headers))
        page = self.site.pages.get(self.path, Page(status=404, etag=False))
        tag = f'"{md5(page.body).hexdigest()}"'  # noqa: S324 - a name
        if page.etag and self.headers.get("If-None-Match") == tag:
            self._send(304, b"", {"ETag": tag})
            return
        usual = {"Content-Type": "text/html; charset=utf-8"} | ({"ETag": tag} if page.etag else {})
        self._send(page.status, page.body, usual | page.headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.site.sent += len(body)


class Site:
    """Serves `pages` by path for the length of `with Site() as site:`."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[tuple[str, float]] = []
        self.sent = 0
        self._server = _Server(("127.0.0.1", 0), type("BoundHandler", (_Handler,), {"site": self}))
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def url(self, path: str, host: str = "site.example") -> str:
        return f"http://{host}:{self.port}{path}"

    def clear(self) -> None:
        self.pages.clear()
        self.asked.clear()
        self.headers.clear()
        self.times.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
