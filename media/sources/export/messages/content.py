"""What a message says: its text, links, names, files, and what stands in it that is unknown."""

from dataclasses import dataclass, field
from typing import Any

from media.sources.export.messages.attachment import SizeOf, attachment_of
from media.sources.export.messages.buttons import read_buttons
from media.sources.export.messages.entities import Entities
from media.sources.export.messages.formatting import read_formatting
from media.sources.export.messages.known_keys import unknown_of
from media.sources.export.messages.rich.reader import read_rich
from media.sources.export.messages.schema import RawMessage
from media.sources.export.messages.text import asked, read_plain
from media.sources.port import Attachment, Formatting


@dataclass(slots=True)
class Content:
    """`extra` holds what has no column of its own, `unknown` what stands under unknown keys."""

    text: str = ""
    formatting: tuple[Formatting, ...] | None = None
    entities: Entities = field(default_factory=Entities)
    files: list[Attachment] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)


def read_content(value: dict[str, Any], raw: RawMessage, size_of: SizeOf) -> Content:
    content = Content(unknown=unknown_of(value))
    if attachment := attachment_of(raw, size_of):
        content.files.append(attachment)
    buttons: list[dict[str, str]] = []
    if raw.rich_message is not None:
        buttons = _read_rich(content, raw.rich_message, size_of)
    # The words of a rich message replace the text; one that has none replaces nothing.
    text = content.text
    if not text:
        text, content.formatting = read_plain(raw, content.entities), read_formatting(raw)
    content.text = _joined(text, raw) if raw.poll or raw.todo_list else text
    if raw.inline_bot_buttons:
        place, rows = "inline_bot_buttons", raw.inline_bot_buttons
        buttons += read_buttons(rows, content.entities, content.unknown, place)
    if buttons:
        content.extra["buttons"] = buttons
    if content.entities.no_links:
        content.extra["no_links"] = list(content.entities.no_links)
    return content


def _joined(text: str, raw: RawMessage) -> str:
    return "\n".join(filter(None, [text, asked(raw)]))


def _read_rich(content: Content, value: dict[str, Any], size_of: SizeOf) -> list[dict[str, str]]:
    rich = read_rich(value, size_of)
    content.text, content.entities = rich.text, rich.entities
    content.files += rich.files
    content.extra.update(rich.extra)
    content.unknown.update(rich.unknown)
    return rich.buttons
