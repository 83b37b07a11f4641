"""A server of `POST /embeddings` as OpenAI and others have it, which misbehaves as it is told."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from search.embeddings.fake import FakeEncoder

Data = list[dict[str, Any]]


class EmbeddingServer:
    """
    `change` edits the data of an answer. `statuses` are answered first, one to a request, and
    `headers` with them. `refuses` are words for which it answers 400. `seconds`: before each answer.
    """

    def __init__(self, *, dimension: int = 64) -> None:
        self.encoder = FakeEncoder(dimension=dimension)
        self.change: Callable[[Data], Any] = lambda data: data
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.refuses: Sequence[str] = ()
        self.seconds = 0.0
        self.body: bytes | None = None
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        served = type("Served", (_Handler,), {"served": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), served)
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def texts(self) -> list[str]:
        return [text for request in self.requests for text in request["input"]]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: EmbeddingServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        me = self.served
        me.requests.append(request)
        me.keys.append(self.headers.get("Authorization"))
        time.sleep(me.seconds)
        status = me.statuses.pop(0) if me.statuses else 200
        if self.path != "/v1/embeddings":
            status = 404
        elif any(word in text for word in me.refuses for text in request["input"]):
            status = 400
        self._send(status, me.body or json.dumps(self._answer(request)).encode())

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        vectors = self.served.encoder.encode_queries(request["input"])
        data = [
            {"object": "embedding", "index": index, "embedding": [3 * n for n in vector]}
            for index, vector in enumerate(vectors)
        ]
        return {"object": "list", "data": self.served.change(data), "model": request["model"]}

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        headers = {
            "Content-Length": str(len(body)),
            **(self.served.headers if status != 200 else {}),
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
