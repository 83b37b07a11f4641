"""Fakes of the port for tests: deterministic answers; `calls` records every call."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from vision.providers.port import Analysis, OcrText, TokenUsage


@dataclass
class FakeVision:
    """Answers from the content of the picture; `answers` and `errors` are keyed by its SHA-256."""

    name: str = "ocr_fallback"
    model: str = "fake-1"
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def analyze(self, image: bytes, *, mime: str, prompt: str, now: datetime) -> Analysis:
        content = sha256(image).hexdigest()
        self.calls.append(content)
        if content in self.errors:
            raise self.errors[content]
        text = f"text {content[:8]}"
        usual = {
            "provider": self.name,
            "model": self.model,
            "classification": "screenshot",
            "description": f"picture {content[:8]}",
            "ocr": OcrText(text=text, engine="fake", confidence=1.0, words=2),
            "analyzed_at": now,
        }
        return Analysis(**usual | self.answers.get(content, {}))


@dataclass
class FakePaid(FakeVision):
    """
    A provider that costs `tokens` for each picture and counts what it has billed.

    `prices` are the tokens of the next calls, one each, before `tokens` holds again. `deleted` are
    the pictures that were deleted there after their answer.

    `script` holds the exceptions that the next calls raise, one each; None is a call that succeeds.
    `billed` is the sum over all calls, `most_at_once` the largest number of concurrent calls.
    """

    name: str = "gigachat"
    model: str = "GigaChat-Pro"
    tokens: int = 1320
    seconds: float = 0.0
    prices: list[int] = field(default_factory=list)
    script: list[Exception | None] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    billed: int = 0
    most_at_once: int = 0
    _at_once: int = 0
    _guard: Any = field(default_factory=threading.Lock)

    def analyze(self, image: bytes, *, mime: str, prompt: str, now: datetime) -> Analysis:
        with ExitStack() as afterwards:
            prepared = self.prepare(image)
            return self.analyze_prepared(prepared, prompt=prompt, now=now, afterwards=afterwards)

    def prepare(self, image: bytes, **_: object) -> bytes:
        return image

    def analyze_prepared(
        self, prepared: bytes, *, prompt: str, now: datetime, afterwards: ExitStack
    ) -> Analysis:
        afterwards.callback(self.deleted.append, sha256(prepared).hexdigest())
        with self._in_flight() as error:
            time.sleep(self.seconds)
            if error is not None:
                usage = getattr(error, "usage", None)
                self._bill(usage.total_tokens if usage else 0)
                raise error
            tokens = self.prices.pop(0) if self.prices else self.tokens
            self._bill(tokens)
            seen = super().analyze(prepared, mime="", prompt=prompt, now=now)
            usage = TokenUsage(
                prompt_tokens=tokens - 20,
                completion_tokens=20,
                total_tokens=tokens,
                precached_prompt_tokens=7,
            )
            return seen.model_copy(update={"usage": usage, "tokens_used": tokens})

    def _bill(self, tokens: int) -> None:
        with self._guard:
            self.billed += tokens

    @contextmanager
    def _in_flight(self) -> Iterator[Exception | None]:
        with self._guard:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            error = self.script.pop(0) if self.script else None
        try:
            yield error
        finally:
            with self._guard:
                self._at_once -= 1
