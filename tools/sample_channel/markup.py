"""The light markup of posts.toml, turned into the `text` and `text_entities` of an export."""

import re
from typing import Any

Entity = dict[str, Any]

# The order matters: what is inside an entity is not looked at again, as in a real export.
_RULES = {
    "pre": r"```(?P<language>\w+)\n(?P<pre>.+?)\n```",
    "code": r"`(?P<code>[^`]+)`",
    "custom_emoji": r"!\[(?P<custom_emoji>[^\]]+)\]\((?P<document_id>[\w/ .]+(?:\(\d+\))?[\w.]*)\)",
    "text_link": r"\[(?P<text_link>[^\]]+)\]\((?P<href>[^)]+)\)",
    "bold": r"\*\*(?P<bold>.+?)\*\*",
    "italic": r"__(?P<italic>.+?)__",
    "strikethrough": r"~~(?P<strikethrough>.+?)~~",
    "spoiler": r"\|\|(?P<spoiler>.+?)\|\|",
    "blockquote": r"^> (?P<blockquote>.+)$",
    "email": r"(?P<email>\b[\w.]+@example\.(?:org|com|net)\b)",
    "mention": r"(?P<mention>(?<!\w)@\w{4,})",
    "hashtag": r"(?P<hashtag>(?<!\w)#\w+)",
    "link": r"(?P<link>(?:https?://|\bexample\.(?:org|com|net)\b)[^\s,)]*[^\s,.!?)]|\bexample\.org\b)",
}
_MARKUP = re.compile("|".join(_RULES.values()), re.MULTILINE | re.DOTALL)
_EXTRAS = {"pre": ("language",), "custom_emoji": ("document_id",), "text_link": ("href",)}


def entities(source: str) -> list[Entity]:
    """The parts of a text, in the shape of `text_entities`."""
    parts: list[Entity] = []
    end = 0
    for match in _MARKUP.finditer(source):
        if match.start() > end:
            parts.append(_plain(source[end : match.start()]))
        parts.append(_entity(match))
        end = match.end()
    if end < len(source):
        parts.append(_plain(source[end:]))
    return parts + _trailing(parts)


def text_of(parts: list[Entity]) -> str | list[str | Entity]:
    """The older `text` field: a string if nothing is formatted, or strings among objects."""
    if all(part["type"] == "plain" for part in parts):
        return "".join(part["text"] for part in parts)
    return [part["text"] if part["type"] == "plain" else part for part in parts]


def _plain(text: str) -> Entity:
    return {"type": "plain", "text": text}


def _entity(match: re.Match[str]) -> Entity:
    kind = next(kind for kind in _RULES if match[kind] is not None)
    entity = {"type": kind, "text": match[kind]}
    if kind == "blockquote":
        return {**entity, "collapsed": False}
    return {**entity, **{extra: match[extra] for extra in _EXTRAS.get(kind, ())}}


def _trailing(parts: list[Entity]) -> list[Entity]:
    """
    The empty part that Telegram Desktop leaves after a last entity of a non-ASCII text:
    it compares a length in bytes with offsets in UTF-16 units.
    """
    text = "".join(part["text"] for part in parts)
    ends_with_entity = bool(parts) and parts[-1]["type"] != "plain"
    return [_plain("")] if ends_with_entity and not text.isascii() else []
