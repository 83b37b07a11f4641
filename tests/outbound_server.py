"""A web server of its own for outbound requests, which misbehaves as its path says."""

import gzip
import select
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

TEXT = b"Harbor closed until noon. " * 40


@cache
def bomb() -> bytes:
    """200 MB of zeros in some 200 kB: a second of CPU, so it is made where it is sent."""
    return gzip.compress(bytes(200_000_000), compresslevel=9)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up: they are meant to."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: "OddServer"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        self.served.requests.append(f"{self.headers.get('Host')}{self.path}")
        self.served.headers.append(dict(self.headers))
        what, _, how = urlsplit(self.path).path[1:].partition("/")
        act: Callable[[str], None] = getattr(self, f"_{what.replace('-', '_')}")
        act(unquote(how))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def do_HEAD(self) -> None:
        self.served.requests.append(f"{self.headers.get('Host')}{self.path}")
        self._moved("")

    def do_CONNECT(self) -> None:
        self.served.requests.append(f"CONNECT {self.path}")
        if not self.served.tunnels:
            self.send_error(403)
            return
        self.close_connection = True
        port = int(self.path.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as there:
            self.send_response(200)
            self.end_headers()
            _relay(self.connection, there)

    def _send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _ok(self, _: str) -> None:
        self._send(TEXT)

    def _to(self, location: str) -> None:
        self._send(b"", 302, Location=location)

    def _moved(self, _: str) -> None:
        """Answer as S3 does where the bucket is elsewhere."""
        self._send(
            b"", 307, Location="http://169.254.169.254/latest/", x_amz_bucket_region="eu-west-9"
        )

    def _hops(self, left: str) -> None:
        self._to(f"/hops/{int(left) - 1}") if int(left) else self._ok("")

    def _loop(self, _: str) -> None:
        self._to("/loop/")

    def _long(self, _: str) -> None:
        self._send(b"", Content_Length="99999999999")

    def _endless(self, _: str) -> None:
        self._begin()
        while True:
            self.wfile.write(bytes(64 * 1024))

    def _trickle(self, seconds: str) -> None:
        self._begin()
        self._drip(seconds)

    def _trickle_headers(self, seconds: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self._drip(seconds)

    def _gzip(self, _: str) -> None:
        self._send(gzip.compress(TEXT), Content_Encoding="gzip")

    def _members(self, _: str) -> None:
        self._send(gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:]), Content_Encoding="gzip")

    def _deflate(self, _: str) -> None:
        self._send(zlib.compress(TEXT), Content_Encoding="deflate")

    def _raw_deflate(self, _: str) -> None:
        packing = zlib.compressobj(wbits=-15)
        self._send(packing.compress(TEXT) + packing.flush(), Content_Encoding="deflate")

    def _bomb(self, _: str) -> None:
        self._send(bomb(), Content_Encoding="gzip")

    def _broken_off(self, _: str) -> None:
        self._send(gzip.compress(TEXT)[:-20], Content_Encoding="gzip")

    def _garbage(self, _: str) -> None:
        self._send(b"\x1f\x8b" + bytes(300), Content_Encoding="gzip")

    def _twice(self, _: str) -> None:
        self._send(gzip.compress(gzip.compress(TEXT)), Content_Encoding="gzip, gzip")

    def _brotli(self, _: str) -> None:
        self._send(b"xx", Content_Encoding="br")

    def _begin(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()

    def _drip(self, seconds: str) -> None:
        ends = time.monotonic() + float(seconds or 30)
        while time.monotonic() < ends:
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Pass on what either says until one of them ends."""
    while True:
        for source in select.select([one, other], [], [], 10)[0]:
            said = source.recv(64 * 1024)
            if not said:
                return
            (other if source is one else one).sendall(said)


class OddServer:
    """
    Serves on `url` for the length of `with OddServer() as server:`; keeps what was asked.

    With `tunnels`, it is a proxy as well, for which every name leads to this machine.
    """

    def __init__(self, chain: Path | None = None) -> None:
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.tunnels = False
        handler = type("BoundHandler", (_Handler,), {"served": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = self._server.server_port
        self.scheme = "https" if chain else "http"
        if chain is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(chain)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
