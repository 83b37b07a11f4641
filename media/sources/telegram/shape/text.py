"""A text with its entities, as the parts of an export (TELEGRAM_EXPORT.md §6)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from telethon.tl import types

_Entity = Any
ATOMIC: Final[dict[type, str]] = {
    types.MessageEntityTextUrl: "text_link",
    types.MessageEntityUrl: "link",
    types.MessageEntityMention: "mention",
    types.MessageEntityHashtag: "hashtag",
    types.MessageEntityEmail: "email",
    types.MessageEntityPhone: "phone",
    types.MessageEntityCashtag: "cashtag",
    types.MessageEntityBotCommand: "bot_command",
    types.MessageEntityMentionName: "mention_name",
    types.MessageEntityBankCard: "bank_card",
    types.MessageEntityCustomEmoji: "custom_emoji",
}
"""Parts that mean something by their text: never cut by a formatting inside of them."""
FORMAT: Final[dict[type, str]] = {
    types.MessageEntityBold: "bold",
    types.MessageEntityItalic: "italic",
    types.MessageEntityUnderline: "underline",
    types.MessageEntityStrike: "strikethrough",
    types.MessageEntitySpoiler: "spoiler",
    types.MessageEntityCode: "code",
    types.MessageEntityPre: "pre",
    types.MessageEntityBlockquote: "blockquote",
}


MOST_ENTITIES: Final = 500
"""
Telegram takes 100 of a message. A server that sends more, each over the whole text, would keep the
reader busy: those beyond are left out, their characters stay.
"""


def left_out(entities: Sequence[_Entity] | None) -> int:
    """How many entities of a text are more than are read."""
    return max(len(entities or ()) - MOST_ENTITIES, 0)


def text_parts(text: str, entities: Sequence[_Entity] | None) -> list[dict[str, Any]]:
    """
    Cut the text at its entities; each part has a type and its text, `plain` where there is none.

    An export keeps one of several entities of the same characters. Here it is what links or
    names, then the first formatting. Offsets of Telegram count UTF-16 units.
    """
    if not text:
        return []
    units = text.encode("utf-16-le", errors="surrogatepass")
    length = len(units) // 2
    owner = _owners((entities or ())[:MOST_ENTITIES], length)
    return [_part(entity, _text(units, begin, end)) for entity, begin, end in _runs(owner, length)]


def _owners(entities: Sequence[_Entity], length: int) -> list[_Entity | None]:
    """The entity that counts for each UTF-16 unit."""
    owner: list[_Entity | None] = [None] * length
    known = [e for e in entities if type(e) in ATOMIC] + [e for e in entities if type(e) in FORMAT]
    for entity in known:
        begin, end = max(entity.offset, 0), min(entity.offset + entity.length, length)
        if type(entity) in ATOMIC and any(owner[begin:end]):
            continue  # of two that overlap the first counts, whole
        for unit in range(begin, end):
            owner[unit] = owner[unit] or entity
    return owner


def _runs(owner: list[_Entity | None], length: int) -> Iterator[tuple[_Entity | None, int, int]]:
    begin = 0
    for unit in range(1, length + 1):
        if unit == length or owner[unit] is not owner[begin]:
            yield owner[begin], begin, unit
            begin = unit


def _text(units: bytes, begin: int, end: int) -> str:
    return units[2 * begin : 2 * end].decode("utf-16-le", errors="replace")


def _part(entity: _Entity | None, text: str) -> dict[str, Any]:
    if entity is None:
        return {"type": "plain", "text": text}
    part = {"type": ATOMIC.get(type(entity)) or FORMAT[type(entity)], "text": text}
    return part | _more(entity)


def _more(entity: _Entity) -> dict[str, Any]:
    match entity:
        case types.MessageEntityTextUrl():
            return {"href": entity.url}
        case types.MessageEntityMentionName():
            return {"user_id": entity.user_id}
        case types.MessageEntityPre():
            return {"language": entity.language or ""}
        case types.MessageEntityBlockquote():
            return {"collapsed": bool(entity.collapsed)}
        case types.MessageEntityCustomEmoji():
            return {"document_id": str(entity.document_id)}
    return {}


def words(value: Any) -> str | list[dict[str, Any]]:
    """The shape of a text that is a string, or one with entities."""
    if isinstance(value, types.TextWithEntities):
        return text_parts(value.text, value.entities)
    return value or ""
