"""Text, links, mentions and hashtags of a message, in every shape Telegram Desktop wrote."""

from collections.abc import Iterator
from typing import Any

from media.sources.export.messages.entities import Entities
from media.sources.export.messages.schema import NOT_A_TEXT, RawMessage


class InvalidText(ValueError):
    """A part of the text is neither a string nor an object with one."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where}: {NOT_A_TEXT}")


def read_plain(raw: RawMessage, entities: Entities) -> str:
    """Read the text of a message that is not a rich one; add what it links to and names."""
    if raw.text_entities:
        text, parts = flat(raw.text_entities, where="text_entities"), raw.text_entities
        text = text or flat(raw.text or "")
    else:
        text = flat(raw.text or "")
        parts = raw.text if isinstance(raw.text, list) else []
    entities.add_parts(parts)
    return text


def flat(value: str | list[Any], *, where: str = "text") -> str:
    """Join the parts of a text, which is a string or an array of strings and objects."""
    if isinstance(value, str):
        return value
    texts: list[Any] = [part.get("text") if isinstance(part, dict) else part for part in value]
    try:
        return "".join(texts)
    except TypeError:
        wrong = next(n for n, text in enumerate(texts) if not isinstance(text, str))
        raise InvalidText(f"{where}.{wrong}") from None


def asked(raw: RawMessage) -> str:
    """
    The words of a poll and of a to-do list, a line each.

    A reader sees them below the text, as a part of the post.
    """
    return "\n".join(filter(None, _asked(raw)))


def _asked(raw: RawMessage) -> Iterator[str]:
    if raw.poll is not None:
        yield flat(raw.poll.question)
        yield from (flat(answer.text) for answer in raw.poll.answers)
    if raw.todo_list is not None:
        yield flat(raw.todo_list.title)
        yield from (flat(answer.text) for answer in raw.todo_list.answers)
