"""How much of a document is read: plain numbers that are handed to another process."""

import json
from dataclasses import asdict, dataclass

PART_CHARS = 8000
"""A part of a text: short enough that a match in it can be shown."""


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Bytes are those of the file and of what an archive in it unpacks to, `memory` those of the process.

    `seconds` is the time of the process that reads; text recognition has `ocr_seconds` of its own.
    """

    file_bytes: int = 40 * 1024**2
    unpacked_bytes: int = 200 * 1024**2
    pages: int = 300
    chars: int = 100_000
    seconds: float = 60.0
    memory_bytes: int = 1024**3
    ocr_pages: int = 10
    ocr_seconds: float = 240.0

    def as_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> "Limits":
        return cls(**json.loads(text))
