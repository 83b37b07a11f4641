"""Walk through an export: one chat at the root, or a whole account with its lists of chats."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from media.sources.export.headers import (
    OWN_KEYS,
    SECTIONS,
    Header,
    all_headers,
    chats_of,
    has_unix_times,
)
from media.sources.export.json_stream import reasons
from media.sources.export.json_stream.reader import Cursor, Unreadable
from media.sources.export.peer_ids import may_be_old, without_type

_PRIVATE_KEYS = frozenset(
    {
        "about",
        "personal_information",
        "profile_pictures",
        "stories",
        "profile_music",
        "contacts",
        "frequent_contacts",
        "sessions",
        "web_sessions",
        "other_data",
    }
)
"""What else an account holds; never read."""
_KEY_CHARS, _MOST_UNKNOWN_KEYS = 64, 1000


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
        self._has_unix_times: bool | None = None
        self.unknown_keys: list[str] = []
        """Of the file and its chats, none of a message."""

    def steps(self) -> Iterator[Step]:
        cursor = self._open_cursor()
        yield from self._chat(cursor, Header(single=True))
        cursor.end()

    def _chat(self, cursor: Cursor, header: Header) -> Iterator[Step]:
        for key in cursor.members():
            if key in OWN_KEYS:
                header.read(key, cursor)
            elif key == "messages":
                yield from self._messages(cursor, header)
            elif key in SECTIONS and header.single:
                yield from self._section(cursor)
            else:
                cursor.skip()
                if key not in _PRIVATE_KEYS or not header.single:
                    self._note_unknown(key)

    def _note_unknown(self, key: str) -> None:
        if len(self.unknown_keys) < _MOST_UNKNOWN_KEYS:
            self.unknown_keys.append(f"chat.{key[:_KEY_CHARS]}")

    def _section(self, cursor: Cursor) -> Iterator[Step]:
        for _ in chats_of(cursor):
            yield from self._chat(cursor, Header(single=False))

    def _messages(self, cursor: Cursor, header: Header) -> Iterator[Step]:
        chat, self._chats = self._chats, self._chats + 1
        header = self._of_today(self._complete(header, chat), chat)
        yield header
        if not self._wanted(header):
            cursor.skip()
            return
        if cursor.peek() != "[":
            cursor.skip()
            yield Unreadable(reasons.NO_LIST, "")
            return
        for _ in cursor.items():
            try:
                yield MessageValue(cursor.value())
            except Unreadable as exc:
                yield exc

    def _of_today(self, header: Header, chat: int) -> Header:
        """The header with the id that the channel has in later exports, too."""
        if may_be_old(header.id) and self._wanted(header) and not self._is_since_2022(chat):
            return replace(header, id=without_type(header.id))
        return header

    def _is_since_2022(self, chat: int) -> bool | None:
        """Whether the file has unix times; a pass of its own looks into one wanted chat."""
        if self._has_unix_times is None:
            self._has_unix_times = has_unix_times(self._open_cursor(), chat=chat)
        return self._has_unix_times

    def _complete(self, header: Header, chat: int) -> Header:
        """The header, completed from a second pass where parts of it stand after the messages."""
        # Without its id no chat is wanted, so what is not read yet decides nothing.
        decided = header.type is not None and header.id is not None
        if header.seen == len(OWN_KEYS) or (decided and not self._wanted(header)):
            return header
        if self._late_headers is None:
            self._late_headers = all_headers(self._open_cursor())
        late = self._late_headers
        return late[chat] if chat < len(late) else header
