"""The receipt of a put."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PutReceipt:
    """What a store wrote under a key: the bytes as stored, after any compression."""

    key: str
    size_bytes: int
    sha256: str
    mime: str
    content_encoding: str = ""
