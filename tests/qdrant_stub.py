"""
Qdrant's REST API over its client's local mode: what the product sends crosses a socket, as JSON.

`failing` is the HTTP status of every answer, `silent` lets requests wait, `key` is the API key
that is asked for. `requests` has method and path of each.
"""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from qdrant_client import QdrantClient, models


class Stub:
    def __init__(self) -> None:
        self.local = QdrantClient(":memory:", force_disable_check_same_thread=True)
        self.failing, self.silent, self.key, self.requests = 0, 0.0, "", []
        self.url, self.after = (
            "",
            None,
        )  # called with method and path when a request has been carried out
        self.lock = threading.Lock()

    def answer(self, method, path, body):  # noqa: PLR0911, PLR0912 - a table of addresses
        parts = path.strip("/").split("/")
        with self.lock:
            match method, parts:
                case "GET", ["aliases"]:
                    return self.local.get_aliases()
                case "GET", ["collections"]:
                    return self.local.get_collections()
                case "POST", ["collections", "aliases"]:
                    actions = models.ChangeAliasesOperation(**body).actions
                    return self.local.update_collection_aliases(actions)
                case "GET", ["collections", name]:
                    return self.local.get_collection(name)
                case "PUT", ["collections", name]:
                    asked = models.CreateCollection(**body)
                    return self.local.create_collection(
                        name, asked.vectors, sparse_vectors_config=asked.sparse_vectors
                    )
                case "DELETE", ["collections", name]:
                    return self.local.delete_collection(name)
                case "PUT", ["collections", name, "index"]:
                    assert body["field_name"]
                    assert body["field_schema"]
                    return models.UpdateResult(operation_id=0, status="completed")
                case "PUT", ["collections", name, "points"]:
                    return self.local.upsert(name, models.PointsList(**body).points)
                case "POST", ["collections", name, "points", "delete"]:
                    return self.local.delete(name, models.PointIdsList(**body))
                case "POST", ["collections", name, "points"]:
                    asked = models.PointRequest(**body)
                    return self.local.retrieve(
                        name, asked.ids, asked.with_payload, asked.with_vector
                    )
                case "POST", ["collections", name, "points", "count"]:
                    return self.local.count(name, models.CountRequest(**body).filter)
                case "POST", ["collections", name, "points", "scroll"]:
                    asked = models.ScrollRequest(**body)
                    found, following = self.local.scroll(
                        name, asked.filter, asked.limit, asked.order_by, asked.offset,
                        asked.with_payload, asked.with_vector,
                    )  # fmt: skip
                    return models.ScrollResult(points=found, next_page_offset=following)
                case "POST", ["collections", name, "points", "query"]:
                    asked = models.QueryRequest(**body)
                    return self.local.query_points(
                        name, _nearest(asked.query), asked.using, query_filter=asked.filter,
                        search_params=asked.params, limit=asked.limit,
                        with_payload=asked.with_payload, with_vectors=asked.with_vector,
                    )  # fmt: skip
        raise LookupError(f"{method} {path}")


def _nearest(query):
    return query.nearest if isinstance(query, models.NearestQuery) else query


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet: two would wait for each other

    def _do(self):
        stub, path = self.server.stub, urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        stub.requests.append((self.command, path))
        time.sleep(stub.silent)
        if stub.failing:
            return self._send(stub.failing, {"status": {"error": "the stub fails"}})
        if stub.key and self.headers.get("api-key") != stub.key:
            return self._send(401, b"Must provide an API key or an Authorization bearer token")
        try:
            result = stub.answer(self.command, path, json.loads(body or "null"))
        except ValueError as error:
            status = 404 if "not found" in str(error) and "ollection" in str(error) else 400
            return self._send(status, {"status": {"error": str(error)}})
        if stub.after:
            stub.after(self.command, path)
        return self._send(200, {"result": _plain(result), "status": "ok", "time": 0.0})

    do_GET = do_PUT = do_POST = do_DELETE = _do  # noqa: N815

    def _send(self, status, answer):
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


def _plain(result):
    if isinstance(result, list):
        return [_plain(one) for one in result]
    return result.model_dump(mode="json") if hasattr(result, "model_dump") else result


@contextmanager
def serve():
    """A stub and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads, server.stub = True, Stub()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        server.stub.url = f"http://127.0.0.1:{server.server_port}"
        yield server.stub, server.stub.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
