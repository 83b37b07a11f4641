"""What an index keeps of a post: a value, whatever store it goes to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from search.documents import Document


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors of one model: `model` is the name of its encoder, and they have `dimension` numbers."""

    model: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A post as it is to be indexed.

    `payload` is that of CONTRACT §12.1. `vector` is that of the document's passage; None where there
    is no passage, or no vector of it yet.
    """

    post_id: UUID
    tenant_id: UUID
    channel_id: UUID
    album_id: int | None
    posted_at: datetime
    document: Document
    has: tuple[str, ...]
    lang: str
    sender: str
    is_meme: bool
    classification: str
    payload: dict[str, Any]
    space: Space | None = None
    vector: Sequence[float] | None = None

    @property
    def text_hash(self) -> str:
        """The hash of the text that `vector` is of; empty where there is no vector."""
        return self.document.text_hash if self.vector is not None else ""

    def row(self) -> list[Any]:
        """All that filters and lists see of the post, as JSON has it, in a fixed order."""
        return [
            str(self.tenant_id), str(self.channel_id), self.album_id, moment(self.posted_at),
            list(self.document.tags), list(self.has), self.lang, self.sender, self.is_meme,
            self.classification, self.document.document_hash,
        ]  # fmt: skip


def moment(value: datetime) -> str:
    """A moment in the one spelling that is compared: UTC, with microseconds."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def fingerprint(*values: Any) -> str:
    """The SHA-256 of JSON values."""
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
