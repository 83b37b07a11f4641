"""HTTP: routes the calls, checks the authorization, writes the replies."""

import base64
import binascii
import json
import re
import threading
import uuid
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.gigachat_stub import chat, embeddings, uploads
from tests.gigachat_stub.faults import ANSWERS, HTTP_FAULTS, Fault, Faults
from tests.gigachat_stub.replies import HTML, Cut, Refused, Reply, oauth_refusal
from tests.gigachat_stub.state import SCOPES, State, StoredFile

MAX_REQUEST = 80 * 1024 * 1024
API = re.compile(r"^(?:/api)?/v1(/.*)$")
MODELS, FILES, CHAT = (re.compile(p) for p in ("/models", "/files", "/chat/completions"))
MODEL, FILE = re.compile("/models/([^/]+)"), re.compile("/files/([^/]+)")
EMBEDDINGS = re.compile("/embeddings")
DELETE = re.compile("/files/([^/]+)/delete")


class Handler(BaseHTTPRequestHandler):
    """The request handler; a subclass made by `Stub` holds `state`, `faults` and `stopping`."""

    protocol_version = "HTTP/1.1"
    server_version = "SynGX"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one packet
    timeout = 60

    state: ClassVar[State]
    faults: ClassVar[Faults]
    stopping: ClassVar[threading.Event]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: the counters show more."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        body = self._body()
        path = urlsplit(self.path).path
        if path.startswith("/_stub/"):
            self._send(self._control(method, path, body))
            return
        endpoint, act = self._route(method, path)
        try:
            reply = act(body)
        except Refused as refused:
            reply = refused.reply
        except Cut:
            self.state.count_call(endpoint, None)
            self.close_connection = True
            return
        self.state.count_call(endpoint, reply.status)
        self._send(reply)

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_REQUEST:
            self.close_connection = True
            return b""
        return self.rfile.read(length)

    def _send(self, reply: Reply) -> None:
        payload = reply.encoded()
        self.send_response(reply.status)
        session = self.headers.get("X-Session-ID") or str(uuid.uuid4())
        headers = {
            "Content-Type": reply.content_type, "Content-Length": str(len(payload)),
            "X-Request-Id": str(uuid.uuid4()), "X-Session-Id": session, **reply.headers,
        }  # fmt: skip
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def _route(self, method: str, path: str) -> tuple[str, Callable[[bytes], Reply]]:
        """Return the name under which the call is counted, and its handler."""
        if (method, path) == ("POST", "/api/v2/oauth"):
            return "oauth", self._oauth
        found = API.match(path)
        for verb, pattern, endpoint, act in self._calls():
            fits = pattern.fullmatch(found[1]) if found and verb == method else None
            if fits:
                return endpoint, partial(self._authorized, endpoint, partial(act, *fits.groups()))
        return "unknown", self._unknown

    def _calls(self) -> list[tuple[str, re.Pattern[str], str, Callable[..., Reply]]]:
        return [
            ("GET", MODELS, "models", self._models),
            ("GET", MODEL, "models", self._model),
            ("POST", FILES, "upload", self._upload),
            ("GET", FILES, "files", self._list_files),
            ("POST", DELETE, "delete", self._delete),
            ("GET", FILE, "files", self._one_file),
            ("POST", CHAT, "chat", self._chat),
            ("POST", EMBEDDINGS, "embeddings", self._embeddings),
        ]

    def _unknown(self, _: bytes) -> Reply:
        return Reply(404, b"<html>404 Not Found</html>", content_type="text/html")

    # --- OAuth
    def _oauth(self, body: bytes) -> Reply:
        self._apply(self.faults.take("oauth"))
        scope = parse_qs(body.decode("utf-8", "replace")).get("scope", [""])[0]
        if not _is_uuid4(self.headers.get("RqUID", "")):
            raise oauth_refusal(400, 2, "RqUID is not a UUID")  # the body is documented nowhere
        if not scope:
            raise oauth_refusal(400, 5, "scope is empty")
        if scope not in SCOPES:
            raise oauth_refusal(400, 1, "scope data format invalid")
        expected = f"{self.state.behavior.client_id}:{self.state.behavior.client_secret}"
        if _basic(self.headers.get("Authorization", "")) != expected:
            raise oauth_refusal(401, 6, "credentials doesn't match db data")
        token, expires_at = self.state.grant(scope)
        headers = {"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate"}
        return Reply(200, {"access_token": token, "expires_at": expires_at}, headers)

    def _scope(self) -> str:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        scope, has_run_out = self.state.scope_of(token)
        if kind != "Bearer" or scope is None:
            raise Refused(401, "Unauthorized")
        if has_run_out:
            raise Refused(401, "Token has expired")
        return scope

    def _authorized(self, endpoint: str, act: Callable[[bytes], Reply], body: bytes) -> Reply:
        self._scope()
        if endpoint not in {
            "chat",
            "embeddings",
        }:  # which meet their fault only after the request was checked
            self._apply(self.faults.take(endpoint))
        return act(body)

    # --- The API
    def _models(self, _: bytes) -> Reply:
        return Reply(200, {"object": "list", "data": chat.models()})

    def _model(self, name: str, _: bytes) -> Reply:
        found = [model for model in chat.models() if model["id"] == name]
        if not found:
            raise Refused(404, "No such model")
        return Reply(200, found[0])

    def _upload(self, body: bytes) -> Reply:
        content, name, mime, modality = uploads.read(body, self.headers.get("Content-Type", ""))
        client = self.headers.get("X-Client-ID")
        file = self.state.keep(content, name=name, mime=mime, modality=modality, client=client)
        return Reply(200, file.as_dict())

    def _list_files(self, _: bytes) -> Reply:
        return Reply(200, {"data": [file.as_dict() for file in self.state.files()]})

    def _one_file(self, file_id: str, _: bytes) -> Reply:
        return Reply(200, self._file(file_id).as_dict())

    def _delete(self, file_id: str, _: bytes) -> Reply:
        self._file(file_id)
        self.state.forget(file_id)
        return Reply(200, {"id": file_id, "deleted": True, "access_policy": "private"})

    def _file(self, file_id: str) -> StoredFile:
        file = self.state.file(file_id)
        if file is None:
            raise Refused(404, "No such file")
        if file.client != self.headers.get("X-Client-ID"):
            raise Refused(403, f"Access to file '{file_id}' is denied")
        return file

    def _chat(self, body: bytes) -> Reply:
        scope = self._scope()
        with self.state.in_flight(scope) as fits:
            if not fits:
                raise Refused(429, "Too many requests")
            request = chat.check(self.state, body, client=self.headers.get("X-Client-ID"))
            fault = self.faults.take("chat")
            if fault and fault.kind == "deleted_file":
                for file in request["files"]:
                    self.state.forget(file.id)
                raise Refused(404, "No such file")
            if fault and fault.kind not in ANSWERS:
                self._apply(fault)
            self.stopping.wait(self.state.behavior.latency)
            return chat.answer(self.state, request, fault)

    def _embeddings(self, body: bytes) -> Reply:
        with self.state.in_flight(self._scope()) as fits:
            if not fits:
                raise Refused(429, "Too many requests")
            fault = self.faults.take("embeddings")
            if fault and fault.kind != "answer":
                self._apply(fault)
            self.stopping.wait(self.state.behavior.latency)
            return embeddings.answer(self.state, body, fault)

    def _apply(self, fault: Fault | None) -> None:
        """Raise for a fault of the whole call; faults of an answer are left to `chat.answer`."""
        if fault is None:
            return
        headers = {"Retry_After": fault.retry_after} if fault.retry_after else {}
        if fault.kind in HTTP_FAULTS:
            status, message = HTTP_FAULTS[fault.kind]
            raise Refused(status, message, **headers)
        match fault.kind:
            case "bad_gateway":
                refused = Refused(502, "")
                refused.reply = HTML
                raise refused
            case "redirect":
                raise Refused(302, "", Location="https://example.invalid/")
            case "not_an_object":
                refused = Refused(200, "")
                refused.reply = Reply(200, ["not", "an", "object"])
                raise refused
            case "no_content":
                refused = Refused(204, "")
                refused.reply = Reply(204, b"")
                raise refused
            case "expired_token":
                self.state.expire_tokens()
                raise Refused(401, "Token has expired")
            case "timeout":
                self.stopping.wait(fault.seconds)
        raise Cut

    # --- Control
    def _control(self, method: str, path: str, body: bytes) -> Reply:
        match method, path:
            case "GET", "/_stub/stats":
                return Reply(200, self.state.stats() | {"faults": self.faults.as_list()})
            case "GET", "/_stub/pictures":
                return Reply(200, self.state.pictures())
            case "POST", "/_stub/faults":
                return self._plan(body)
            case "POST", "/_stub/behavior":
                return self._behave(body)
            case "POST", "/_stub/reset":
                self.state.reset()
                return Reply(200, self.state.stats())
        return Reply(404, {"message": "GET stats, pictures; POST faults, behavior, reset"})

    def _plan(self, body: bytes) -> Reply:
        try:
            wish = json.loads(body)
            self.faults.plan(wish["faults"], seed=wish.get("seed", 0))
        except (ValueError, KeyError, TypeError) as exc:
            return Reply(400, {"message": str(exc)})
        return Reply(200, {"faults": self.faults.as_list()})

    def _behave(self, body: bytes) -> Reply:
        for name, value in json.loads(body).items():
            if not hasattr(self.state.behavior, name):
                return Reply(400, {"message": f"no such behavior: {name}"})
            setattr(self.state.behavior, name, value)
        return Reply(200, vars(self.state.behavior))


def _is_uuid4(text: str) -> bool:
    try:
        return uuid.UUID(text).version == 4
    except ValueError:
        return False


def _basic(header: str) -> str:
    kind, _, value = header.partition(" ")
    if kind != "Basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
