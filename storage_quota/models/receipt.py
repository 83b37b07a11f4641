"""What a store says it wrote."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """The bytes as they lie in the store, after any compression."""

    key: str
    size_bytes: int
    sha256: str
    mime: str
    content_encoding: str = ""
