"""The state of the stub: tokens, files and counters."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

CLIENT_ID = "11111111-2222-4333-8444-555555555555"
CLIENT_SECRET = "stub-secret"
SCOPES = ("GIGACHAT_API_PERS", "GIGACHAT_API_B2B", "GIGACHAT_API_CORP")
PARALLEL = {"GIGACHAT_API_PERS": 1, "GIGACHAT_API_B2B": 10, "GIGACHAT_API_CORP": 10}


@dataclass
class Behavior:
    """Settings. `latency`: seconds of each chat. `parallel`: None is the number of the scope."""

    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    token_seconds: float = 1800
    latency: float = 0.0
    parallel: int | None = None


@dataclass(frozen=True)
class StoredFile:
    id: str
    sha256: str
    size: int
    name: str
    mime: str
    modality: str | None
    client: str | None
    created_at: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id, "object": "file", "bytes": self.size, "created_at": self.created_at,
            "filename": self.name, "purpose": "general", "access_policy": "private",
            "modalities": [self.modality] if self.modality else None,
        }  # fmt: skip


@dataclass
class Stats:
    calls: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    uploaded: set[str] = field(default_factory=set)
    in_flight: int = 0
    max_in_flight: int = 0
    deleted: int = 0


class State:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.behavior = Behavior()
        self._tokens: dict[str, tuple[str, float]] = {}
        self._files: dict[str, StoredFile] = {}
        self._stats = Stats()
        self.questions: list[dict[str, Any]] = []
        """Requests without pictures, in order."""

    # --- Tokens
    def grant(self, scope: str) -> tuple[str, int]:
        """Make a token as long as GigaChat's; return it and its expiry in Unix milliseconds."""
        ends_at = time.time() + self.behavior.token_seconds
        token = f"stub.{uuid.uuid4().hex}." + "x" * 1240
        with self.lock:
            self._tokens[token] = (scope, ends_at)
        return token, int(ends_at * 1000)

    def scope_of(self, token: str) -> tuple[str | None, bool]:
        """Return the scope, None for an unknown token, and whether the token has expired."""
        with self.lock:
            scope, ends_at = self._tokens.get(token, (None, 0.0))
        return scope, ends_at <= time.time()

    def expire_tokens(self) -> None:
        with self.lock:
            self._tokens = {token: (scope, 0.0) for token, (scope, _) in self._tokens.items()}

    # --- Files
    def keep(
        self, body: bytes, *, name: str, mime: str, modality: str | None, client: str | None
    ) -> StoredFile:
        file = StoredFile(
            id=str(uuid.uuid4()), sha256=sha256(body).hexdigest(), size=len(body), name=name,
            mime=mime, modality=modality, client=client, created_at=int(time.time()),
        )  # fmt: skip
        with self.lock:
            self._files[file.id] = file
            self._stats.uploaded.add(file.sha256)
        return file

    def file(self, file_id: str) -> StoredFile | None:
        with self.lock:
            return self._files.get(file_id)

    def files(self) -> list[StoredFile]:
        with self.lock:
            return list(self._files.values())

    def forget(self, file_id: str) -> bool:
        with self.lock:
            found = self._files.pop(file_id, None)
            self._stats.deleted += found is not None
            return found is not None

    # --- Counting
    @contextmanager
    def in_flight(self, scope: str) -> Iterator[bool]:
        """Count a chat while it runs; yield whether the scope allows it."""
        allowed = self.behavior.parallel or PARALLEL[scope]
        with self.lock:
            self._stats.in_flight += 1
            self._stats.max_in_flight = max(self._stats.max_in_flight, self._stats.in_flight)
            fits = self._stats.in_flight <= allowed
        try:
            yield fits
        finally:
            with self.lock:
                self._stats.in_flight -= 1

    def count_call(self, endpoint: str, status: int | None) -> None:
        """Count a call; `status` is None where the connection was cut."""
        with self.lock:
            self._stats.calls[endpoint] += 1
            self._stats.statuses[f"{endpoint} {status or 'cut'}"] += 1

    def count_answer(self, digests: list[str], usage: dict[str, int]) -> None:
        with self.lock:
            self._stats.seen.update(digests)
            self._stats.tokens.update(usage)
            self._stats.tokens["answers"] += 1

    def keep_question(self, request: dict[str, Any]) -> None:
        with self.lock:
            self.questions.append(request)

    def reset(self) -> None:
        with self.lock:
            self._stats = Stats(in_flight=self._stats.in_flight)
            self._files.clear()

    def stats(self) -> dict[str, Any]:
        with self.lock:
            tokens = dict(self._stats.tokens)
            answers = tokens.pop("answers", 0)
            return {
                "calls": dict(self._stats.calls),
                "statuses": dict(self._stats.statuses),
                "answers": answers,
                "pictures_uploaded": len(self._stats.uploaded),
                "pictures_seen": len(self._stats.seen),
                "seen_again": answers - len(self._stats.seen),
                "tokens": tokens,
                "in_flight": self._stats.in_flight,
                "max_in_flight": self._stats.max_in_flight,
                "files": len(self._files),
                "deleted": self._stats.deleted,
            }

    def pictures(self) -> dict[str, int]:
        """Return the number of answers for each picture, by the SHA-256 of the upload."""
        with self.lock:
            return dict(self._stats.seen)
