"""The headers of the chats in an export, and what a pass over the whole file tells about them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from media.sources.export.json_stream.reader import Cursor, Unreadable
from media.sources.export.json_stream.text_window import Broken

SECTIONS = ("chats", "left_chats")
OWN_KEYS = ("name", "type", "id")
_TIMES = ("date", "date_unixtime")


@dataclass(slots=True)
class Header:
    """Name, type and id of a chat, exactly as written; `single` when the chat is the whole file."""

    single: bool
    name: Any = None
    type: Any = None
    id: Any = None
    seen: int = 0
    """How many of the three were read: they may also stand after the messages."""

    def read(self, key: str, cursor: Cursor) -> None:
        try:
            setattr(self, key, cursor.value())
        except Unreadable:
            setattr(self, key, None)
        self.seen += 1


def all_headers(cursor: Cursor) -> list[Header]:
    """Read all headers in one pass that skips every message; stops where the file is broken."""
    headers: list[Header] = []
    try:
        _collect(cursor, Header(single=True), headers)
    except (Broken, Unreadable):
        return headers
    return headers


def _collect(cursor: Cursor, header: Header, headers: list[Header]) -> None:
    for key in cursor.members():
        if key in OWN_KEYS:
            header.read(key, cursor)
        elif key in SECTIONS and header.single:
            for _ in chats_of(cursor):
                _collect(cursor, Header(single=False), headers)
        else:
            if key == "messages":
                headers.append(header)
            cursor.skip()


def has_unix_times(cursor: Cursor, *, chat: int) -> bool | None:
    """
    Whether the first message with a date of the chat with this number has a unix time, too.

    None where it has no such message. No message of another chat is decoded.
    """
    try:
        for number, _ in enumerate(_message_lists(cursor, single=True)):
            if number == chat:
                return _first_time(cursor)
            cursor.skip()
    except (Broken, Unreadable):
        return None
    return None


def _message_lists(cursor: Cursor, *, single: bool) -> Iterator[None]:
    """Move the cursor before the messages of each chat in turn; the caller moves it past them."""
    for key in cursor.members():
        if key == "messages":
            yield
        elif key in SECTIONS and single:
            for _ in chats_of(cursor):
                yield from _message_lists(cursor, single=False)
        else:
            cursor.skip()


def _first_time(cursor: Cursor) -> bool | None:
    if cursor.peek() != "[":
        return None
    for _ in cursor.items():
        with suppress(Unreadable):
            message = cursor.value()
            if isinstance(message, dict) and not message.keys().isdisjoint(_TIMES):
                return "date_unixtime" in message
    return None


def chats_of(cursor: Cursor) -> Iterator[None]:
    """Move the cursor before each chat of a section in turn."""
    if cursor.peek() != "{":
        cursor.skip()
        return
    for key in cursor.members():
        if key != "list" or cursor.peek() != "[":
            cursor.skip()
            continue
        for _ in cursor.items():
            if cursor.peek() == "{":
                yield
            else:
                cursor.skip()
