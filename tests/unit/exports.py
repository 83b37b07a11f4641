"""Small exports made by hand."""

import json
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from media.sources.export import ExportSource
from media.sources.port import Message, Problem, Record

NOW = datetime(2026, 12, 1, tzinfo=UTC)
CHANNEL_ID = 2447843635
NOT_INCLUDED = "(File not included. Change data exporting settings to download.)"
EXCEEDS = "(File exceeds maximum size. Change data exporting settings to download.)"
UNAVAILABLE = "(File unavailable, please try again later)"


def message(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A text post, one second after the other; what is given replaces the usual."""
    return {
        "id": number,
        "type": "message",
        "date": "2026-06-19T15:26:50",
        "date_unixtime": str(1781868410 + number),
        "from": "Канал",
        "from_id": f"channel{CHANNEL_ID}",
        "text": "",
        "text_entities": [],
    } | fields


def photo(message_id: int = 1, **fields: Any) -> dict[str, Any]:
    """A picture, all of them of the same second."""
    return message(message_id, date_unixtime="1781868410", photo=NOT_INCLUDED) | fields


def chat(messages: list[Any], **header: Any) -> dict[str, Any]:
    usual = {"name": "Канал", "type": "public_channel", "id": CHANNEL_ID}
    return usual | header | {"messages": messages}


def write(folder: Path, content: Any) -> Path:
    """The folder, now with a result.json as Telegram Desktop lays it out."""
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, bytes):
        content = json.dumps(content, ensure_ascii=False, indent=1).encode()
    (folder / "result.json").write_bytes(content)
    return folder


def read(folder: Path, *, zone: tzinfo = UTC, **options: Any) -> list[Record]:
    """All records; read at a time after all dates of the tests, whatever the machine's clock."""
    options = {"now": lambda: NOW} | options
    return list(ExportSource(folder, zone=zone, **options).records())


def read_messages(folder: Path, messages: list[Any], **options: Any) -> list[Record]:
    """Everything after the chat."""
    return read(write(folder, chat(messages)), **options)[1:]


def read_one(folder: Path, raw: dict[str, Any], **options: Any) -> Message:
    (found,) = read_messages(folder, [raw], **options)
    assert isinstance(found, Message), found
    return found


def problem_of(folder: Path, raw: Any) -> Problem:
    found, after = read_messages(folder, [raw, message(99)])
    assert isinstance(found, Problem), found
    assert isinstance(after, Message)
    return found
