"""The server: threads, a port, optionally TLS."""

import ssl
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.gigachat_stub.faults import Faults
from tests.gigachat_stub.handler import Handler
from tests.gigachat_stub.state import Behavior, State


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up: tests do so on purpose."""


class Stub:
    """Serves on `stub.url` for the length of `with Stub() as stub:`."""

    def __init__(
        self, *, port: int = 0, behavior: Behavior | None = None, chain: Path | None = None
    ) -> None:
        """Bind the port; `chain` is a PEM of key and certificate, for TLS."""
        self.state, self.faults = State(), Faults()
        if behavior:
            self.state.behavior = behavior
        self._stopping = threading.Event()
        held = {"state": self.state, "faults": self.faults, "stopping": self._stopping}
        self._server = _Server(("127.0.0.1", port), type("BoundHandler", (Handler,), held))
        self._is_tls = chain is not None
        if chain is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(chain)
            # The handshake belongs to the thread of the connection, not to the one that accepts.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        scheme = "https" if self._is_tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def auth_url(self) -> str:
        return f"{self.url}/api/v2/oauth"

    def fail(self, kind: str, **how: Any) -> None:
        """Plan this fault (see `faults.Fault`) instead of all others."""
        self.faults.plan([{"kind": kind, **how}])

    def stats(self) -> dict[str, Any]:
        return self.state.stats()

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
