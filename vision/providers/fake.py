"""The fake of the port: deterministic answers, every call remembered."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from vision.providers.port import Analysis, OcrText


@dataclass
class FakeVision:
    """Answers by the content of the picture; `answers` and `errors` are keyed by SHA-256."""

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
