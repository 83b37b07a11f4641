"""A proxy in front of the S3 server that fails where, how and as often as a test says."""

import http.client
import socket
import threading
import time
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

FAULTS = ("stopped", "slow", "500", "403", "cut", "lost")
"""
`stopped`: from then on every connection is closed. `slow`: the request is carried out only
when the test lets it, long after the client gave up. `500`, `403`: refused, as is any other status,
with a code of S3 after a blank if it is to be another one. `cut`: the connection ends in the middle
of the longer body. `lost`: carried out, never answered.
"""

_CODES = {
    "500": "InternalError",
    "403": "AccessDenied",
    "404": "NoSuchUpload",
    "405": "MethodNotAllowed",
    "501": "NotImplemented",
    "507": "QuotaExceeded",
}


@dataclass
class Fault:
    step: str
    how: str
    times: int
    after: int = 0
    """How many requests of that step are carried out first."""


def step_of(method: str, path: str) -> str:
    """Which step of putting, getting, listing or deleting a request is."""
    query = parse_qs(urlsplit(path).query, keep_blank_values=True)
    if "list-type" in query:
        return "list"
    for name in ("versioning", "versions", "lifecycle"):
        if name in query:
            return name
    if "uploads" in query:
        return "uploads" if method == "GET" else "create"
    if "uploadId" in query:
        return {"GET": "parts", "PUT": "part", "POST": "complete", "DELETE": "abort"}[method]
    return method.lower()


class FaultyProxy:
    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.steps: list[str] = []
        self.requests: list[tuple[str, str, Message]] = []
        self._faults: list[Fault] = []
        self._down = False
        self._late = threading.Event()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.block_on_close = True
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def reset(self) -> None:
        self.heal()
        self.steps.clear()
        self.requests.clear()
        self._late = threading.Event()

    def fail(self, step: str, how: str, *, times: int = 1000, after: int = 0) -> None:
        self._faults.append(Fault(step, how, times, after))

    def heal(self) -> None:
        self._faults.clear()
        self._down = False

    def carry_out_the_late(self) -> None:
        """Whatever was slow now happens; returns when it has."""
        self.heal()
        self._late.set()
        me = threading.current_thread()
        for thread in list(self._server._threads):
            if thread is not me:
                thread.join()

    def close(self) -> None:
        self._late.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fault(self, step: str) -> str:
        """What is to go wrong with this request; notes that it came."""
        self.steps.append(step)
        if self._down:
            return "stopped"
        for fault in self._faults:
            if fault.step == step and fault.after:
                fault.after -= 1
            elif fault.step == step and fault.times:
                fault.times -= 1
                self._down = fault.how == "stopped"
                return fault.how
        return ""


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultyProxy
    protocol_version = "HTTP/1.1"  # for `Expect: 100-continue`, which boto3 waits for

    def _serve(self) -> None:
        self.close_connection = True
        how = self.proxy.fault(step_of(self.command, self.path))
        self.proxy.requests.append((self.command, self.path, self.headers))
        length = int(self.headers.get("Content-Length", 0))
        if how == "stopped":
            return self._hang_up()
        if how == "cut" and length:
            self.rfile.read(length // 2)
            return self._hang_up()
        body = self.rfile.read(length)
        if how[:3].isdigit():
            return self._refuse(how)
        if how == "slow":
            self.proxy._late.wait(60)
        status, headers, content = self._forwarded(body)
        if how in {"lost", "slow"} or (how == "cut" and not content):
            return self._hang_up()
        return self._answer(status, headers, content, cut=how == "cut")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815

    def _forwarded(self, body):
        upstream = http.client.HTTPConnection(self.proxy.upstream)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
        upstream.request(self.command, self.path, body=body, headers=headers)
        response = upstream.getresponse()
        content = response.read()
        upstream.close()
        return response.status, response.getheaders(), content

    def _answer(self, status, headers, content, *, cut):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)

    def _refuse(self, how):
        status, _, code = how.partition(" ")
        code = code or _CODES[status]
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response_only(int(status))
        self.send_header("Content-Length", str(len(body)))
        late = 20 * 60 if code == "RequestTimeTooSkewed" else 0
        self.send_header("Date", self.date_time_string(time.time() + late))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self):
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args):
        pass
