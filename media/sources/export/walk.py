"""Walk through an export: one chat at the root, or a whole account with its lists of chats."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from media.sources.export.json_stream.reader import Cursor, Unreadable
from media.sources.export.json_stream.text_window import Broken

_SECTIONS = ("chats", "left_chats")
_OWN_KEYS = ("name", "type", "id")


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


@dataclass(frozen=True, slots=True)
class MessageValue:
    """A message as decoded JSON, not checked yet."""

    value: Any


Step = Header | MessageValue | Unreadable


class Walk:
    """
    Reads a file once, front to back, and yields headers and raw messages.

    No value of anything else in an account is decoded: contacts, sessions, stories, chats that
    are not `wanted`.
    """

    def __init__(
        self, *, open_cursor: Callable[[], Cursor], wanted: Callable[[Header], bool]
    ) -> None:
        self._open_cursor = open_cursor
        self._wanted = wanted
        self._chats = 0
        self._late_headers: list[Header] | None = None

    def steps(self) -> Iterator[Step]:
        cursor = self._open_cursor()
        yield from self._chat(cursor, Header(single=True))
        cursor.end()

    def _chat(self, cursor: Cursor, header: Header) -> Iterator[Step]:
        for key in cursor.members():
            if key in _OWN_KEYS:
                header.read(key, cursor)
            elif key == "messages":
                yield from self._messages(cursor, header)
            elif key in _SECTIONS and header.single:
                yield from self._section(cursor)
            else:
                cursor.skip()

    def _section(self, cursor: Cursor) -> Iterator[Step]:
        for _ in _chats_of(cursor):
            yield from self._chat(cursor, Header(single=False))

    def _messages(self, cursor: Cursor, header: Header) -> Iterator[Step]:
        header = self._complete(header)
        yield header
        if not self._wanted(header):
            cursor.skip()
            return
        if cursor.peek() != "[":
            cursor.skip()
            yield Unreadable("the messages of a chat must be a list", "")
            return
        for _ in cursor.items():
            try:
                yield MessageValue(cursor.value())
            except Unreadable as exc:
                yield exc

    def _complete(self, header: Header) -> Header:
        """The header, completed from a second pass where parts of it stand after the messages."""
        ordinal, self._chats = self._chats, self._chats + 1
        # Without its id no chat is wanted, so what is not read yet decides nothing.
        decided = header.type is not None and header.id is not None
        if header.seen == len(_OWN_KEYS) or (decided and not self._wanted(header)):
            return header
        if self._late_headers is None:
            self._late_headers = all_headers(self._open_cursor())
        late = self._late_headers
        return late[ordinal] if ordinal < len(late) else header


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
        if key in _OWN_KEYS:
            header.read(key, cursor)
        elif key in _SECTIONS and header.single:
            for _ in _chats_of(cursor):
                _collect(cursor, Header(single=False), headers)
        else:
            if key == "messages":
                headers.append(header)
            cursor.skip()


def _chats_of(cursor: Cursor) -> Iterator[None]:
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
