"""Text, links, mentions and hashtags of a message, in every shape Telegram Desktop wrote."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from media.sources.export.messages.schema import RawMessage, RawPoll, RawTodoList

MAX_LINK_CHARS = 2048
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*://|(?:mailto|tel|tg|ton):", re.IGNORECASE)
_NESTED_KEYS = (
    "title",
    "subtitle",
    "caption",
    "credit",
    "author",
    "summary",
    "text",
    "blocks",
    "items",
    "rows",
    "cells",
    "children",
    "content",
)


class InvalidText(ValueError):
    """A part of the text is neither a string nor an object with one."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where}: neither text nor an object with a text")


@dataclass(frozen=True, slots=True)
class MessageText:
    """The text that a reader sees, and the links, mentions and hashtags in their order in it."""

    text: str = ""
    links: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()


def read_text(raw: RawMessage) -> MessageText:
    """Read the text, or that of the poll or to-do list, so that search finds such posts, too."""
    if raw.rich_message is not None:
        text, parts = _rich(raw.rich_message)
    else:
        text, parts = _plain(raw)
    if not text:
        text = _poll_text(raw.poll) or _todo_text(raw.todo_list)
    return MessageText(text, *_entities(parts)) if parts else MessageText(text)


def flat(value: str | list[Any], *, where: str = "text") -> str:
    """Join the parts of a text, which is a string or an array of strings and objects."""
    if isinstance(value, str):
        return value
    return "".join([_part(part, where, index) for index, part in enumerate(value)])


def _plain(raw: RawMessage) -> tuple[str, list[Any]]:
    if raw.text_entities:
        parts = raw.text_entities
        text = flat(parts, where="text_entities")
        return text or flat(raw.text or ""), parts
    text = flat(raw.text or "")
    return text, raw.text if isinstance(raw.text, list) else []


def _part(part: Any, where: str, index: int) -> str:
    if isinstance(part, dict):
        part = part.get("text")
    if not isinstance(part, str):
        raise InvalidText(f"{where}.{index}")
    return part


def _entities(parts: list[Any]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {"link": {}, "mention": {}, "hashtag": {}}
    for part in parts:
        if not isinstance(part, dict):
            continue
        kind, value = part.get("type"), part.get("text")
        if kind in ("link", "text_link"):
            _add_link(found["link"], value if kind == "link" else part.get("href"))
        elif kind in ("mention", "hashtag") and isinstance(value, str) and value:
            found[kind][value] = None
    return tuple(found["link"]), tuple(found["mention"]), tuple(found["hashtag"])


def _add_link(links: dict[str, None], value: Any) -> None:
    if not isinstance(value, str) or not (link := value.strip()):
        return
    if not _SCHEME.match(link):
        link = "https://" + link.lstrip("/")
    if len(link) <= MAX_LINK_CHARS:  # longer ones are dropped, not cut: half a link leads nowhere
        links[link] = None


def _poll_text(poll: RawPoll | None) -> str:
    if poll is None:
        return ""
    return _lines(poll.question, [answer.text for answer in poll.answers])


def _todo_text(todo: RawTodoList | None) -> str:
    if todo is None:
        return ""
    return _lines(todo.title, [answer.text for answer in todo.answers])


def _lines(head: str | list[Any], rest: list[str | list[Any]]) -> str:
    return "\n".join(filter(None, [flat(head), *(flat(line) for line in rest)]))


def _rich(rich: dict[str, Any]) -> tuple[str, list[Any]]:
    """Read the blocks of a rich message, a line each; Telegram does not document their shapes."""
    blocks = rich.get("blocks")
    if not isinstance(blocks, list):
        return "", []
    parts: list[Any] = []
    lines = ["".join(_rich_text(block, parts)).strip("\n") for block in blocks]
    return "\n".join(filter(None, lines)), parts


def _rich_text(value: Any, parts: list[Any]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if index and isinstance(item, dict) and not isinstance(item.get("text"), str):
                yield "\n"
            yield from _rich_text(item, parts)
    elif isinstance(value, dict):
        parts.append(value)
        for key in _NESTED_KEYS:
            if key in value:
                yield from _rich_text(value[key], parts)
                if key != "text":
                    yield "\n"
