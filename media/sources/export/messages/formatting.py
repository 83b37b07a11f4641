"""Formatting of a text: which characters are bold, a link under other words, a quotation, …"""

from typing import Any

from media.sources.export.messages.schema import RawMessage
from media.sources.port import Formatting

_VALUES = {"text_link": "href", "pre": "language", "custom_emoji": "document_id"}
"""What stands beside the text of a part of this type."""
_KINDS = frozenset(
    ("bold", "italic", "underline", "strikethrough", "code", "spoiler", "blockquote", *_VALUES)
)
"""The others follow from the text itself (links, hashtags) or name a person."""
_PLAIN = "plain"
"""The type of most parts."""


def read_formatting(raw: RawMessage) -> tuple[Formatting, ...] | None:
    """
    Read the formatting of a message that is not a rich one; None where the export may lack some.

    Only since 2022 exports write every type.
    """
    if raw.text_entities:
        return tuple(_formatting(raw.text_entities))
    if not raw.text:
        return ()
    return tuple(_formatting(raw.text) if isinstance(raw.text, list) else ()) or None


def _formatting(parts: list[Any]) -> list[Formatting]:
    found, start = [], 0
    for part in parts:
        if isinstance(part, str):
            start += len(part)
            continue
        length, kind = len(part.get("text") or ""), part.get("type")
        if kind != _PLAIN and isinstance(kind, str) and kind in _KINDS:
            value = _as_text(part.get(_VALUES.get(kind, "")))
            found.append(Formatting(start, length, kind, value))
        start += length
    return found


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) and not value.startswith("(") else ""
