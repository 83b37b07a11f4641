"""An entry as a point of Qdrant: id, vectors and payload, as JSON. Pure functions."""

from hashlib import sha256
from typing import Any, Final

from search.index.entry import Entry, Space, fingerprint
from search.index.qdrant.sparse import SparseWords

WORDS: Final = "words"
"""The name of the sparse vector."""
PAYLOAD_INDEXES: Final = {
    "tenant_id": "tenant",
    "channel_id": "keyword",
    "album_id": "integer",
    "tags": "keyword",
    "has": "keyword",
    "lang": "keyword",
    "sender": "keyword",
    "has_media": "bool",
    "telegram_message_id": "integer",
    "content_length": "integer",
    "posted_at": "datetime",
    "created_at": "datetime",
    "vision.is_meme": "bool",
    "vision.classification": "keyword",
    "vision.labels": "keyword",
    "vision.objects": "keyword",
    "vision.scene": "keyword",
    "vision.nsfw_score": "float",
    "vision.aesthetic_score": "float",
}
"""Fields of the payload that filters ask for, with the kind of their index."""
OUR_OWN: Final = ("has", "lang", "sender", "document_hash", "text_hash")
"""Fields of the payload that are none of CONTRACT §12.1."""


def meaning(space: Space) -> str:
    """The name of the dense vector: vectors of another model have another, and are never compared."""
    return meaning_of(space.model)


def meaning_of(model: str) -> str:
    return f"meaning_{sha256(model.encode()).hexdigest()[:8]}"


def payload(entry: Entry, space: Space | None) -> dict[str, Any]:
    """The payload of CONTRACT §12.1, what the product's own filters ask for, and what it was made of."""
    return entry.payload | {
        "has": list(entry.has),
        "lang": entry.lang,
        "sender": folded(entry.sender),
        "document_hash": entry.document.document_hash,
        "text_hash": entry.text_hash if space else "",
    }


def expected(entry: Entry, space: Space | None) -> str:
    """The fingerprint of an entry whose vector has been made."""
    text_hash = entry.document.text_hash if space and entry.document.passage else ""
    return stored({**payload(entry, None), "text_hash": text_hash})


def of(entry: Entry, space: Space | None) -> str:
    """The fingerprint of an entry as it is, with or without its vector."""
    return stored(payload(entry, space))


def stored(payload: dict[str, Any]) -> str:
    """The fingerprint of what stands in Qdrant."""
    return fingerprint(payload)


def point(entry: Entry, sparse: SparseWords, space: Space | None) -> dict[str, Any]:
    vectors: dict[str, Any] = {}
    if sparse.indices:
        vectors[WORDS] = {"indices": list(sparse.indices), "values": list(sparse.values)}
    if space and entry.vector is not None:
        vectors[meaning(space)] = list(entry.vector)
    return {"id": str(entry.post_id), "vector": vectors, "payload": payload(entry, space)}


def folded(sender: str) -> str:
    """A sender as it is compared: without regard to case."""
    return sender.lower()


def shown(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as CONTRACT §12.1 has it."""
    return {name: value for name, value in payload.items() if name not in OUR_OWN}
