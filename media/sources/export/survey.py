"""
Survey an export before it is imported: how old is it, and how many write in its chats?

Both are known only at the end of the file, and an import needs them for its first message. An
export of one chat is searched as bytes, which takes a hundredth of an import's time; the chats of
an account are read message by message, so that no date of a personal chat is taken for theirs.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, BinaryIO

from media.sources.export.headers import Header
from media.sources.export.json_stream.text_window import Broken
from media.sources.export.messages.times import InvalidTime, parse_time
from media.sources.export.walk import MessageValue, Step

_CHUNK_BYTES = 1 << 18
_OVERLAP_BYTES = 256
"""More than the longest match, so that none is lost where two chunks meet."""
# Inside of a text every quote is escaped, so what has bare quotes around it is a key.
_UNIX = re.compile(rb'"(?:date|edited)_unixtime"\s*:\s*"?(\d{1,12})\b')
_LOCAL = re.compile(rb'"(?:date|edited)"\s*:\s*"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)"')
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_ID = re.compile(rb'"id"\s*:\s*(\d{1,13})\b')
_FROM = re.compile(rb'"from_id"\s*:\s*"?([a-z]*\d{1,19})\b')
_PERSON = re.compile(r"user\d+|\d{1,10}")
_PREFIXED = 2**33
"""Before April 2021 the id of a channel was exported with this added to it."""
_LAST_UNIX = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
_MESSAGE_IDS = 2**40
_MOST_AUTHORS = 1000
"""No more are told apart: memory must not grow with the file."""


@dataclass(slots=True)
class Survey:
    """The latest date or edit of a chat, its highest message id, and who writes in it."""

    chat_id: Any = None
    unix: int = 0
    local: str = ""
    """Only counts where no date is given in unix seconds."""
    highest_id: int = 0
    authors: set[str] = field(default_factory=set)

    def as_of(self, zone: tzinfo) -> str:
        """The age as `Chat.as_of` has it; empty where the chat has no date."""
        try:
            local = None if self.unix else self.local
            at = parse_time(unix=self.unix or None, local=local, zone=zone, field="date")
        except InvalidTime:
            at = None
        return f"{at:%Y-%m-%dT%H:%M:%S}Z/{self.highest_id:013d}" if at else ""

    @property
    def people(self) -> int:
        """How many of the authors are persons, not channels or groups."""
        own = {str(number) for number in self._own_ids()}
        return sum(bool(_PERSON.fullmatch(author)) for author in self.authors - own)

    def add(self, value: Any) -> None:
        """Count a message as decoded JSON, whatever its shape."""
        if not isinstance(value, dict):
            return
        for key in ("date", "edited"):
            self._add_unix(str(value.get(f"{key}_unixtime", "")))
            if found := _LOCAL_TIME.match(str(value.get(key, ""))):
                self.local = max(self.local, found[0])
        self._add_ids([value.get("id")])
        if (author := value.get("from_id")) is not None:
            self._add_authors([str(author)])

    def add_bytes(self, text: bytes) -> None:
        """Count the keys in a piece of the file; what is counted twice changes nothing."""
        for found in set(_UNIX.findall(text)):
            self._add_unix(found.decode())
        if not self.unix:
            self.local = max([self.local, *(m.decode() for m in set(_LOCAL.findall(text)))])
        self._add_ids(map(int, _ID.findall(text)))
        self._add_authors(m.decode() for m in set(_FROM.findall(text)))

    def _add_authors(self, found: Iterable[str]) -> None:
        if len(self.authors) < _MOST_AUTHORS:
            self.authors.update(found)

    def _add_unix(self, digits: str) -> None:
        if digits.isdecimal() and self.unix < int(digits) < _LAST_UNIX:
            self.unix = int(digits)

    def _add_ids(self, found: Iterable[Any]) -> None:
        """Count ids of messages; that of the chat stands among them where it is found as bytes."""
        own = self._own_ids()
        ids = [n for n in found if isinstance(n, int) and n < _MESSAGE_IDS and n not in own]
        self.highest_id = max([self.highest_id, *ids])

    def _own_ids(self) -> tuple[int, ...]:
        """The id of the chat as files of any age write it."""
        if not isinstance(self.chat_id, int):
            return ()
        return self.chat_id, self.chat_id + _PREFIXED, self.chat_id - _PREFIXED


def survey_chat(file: BinaryIO, *, chat_id: Any) -> Survey:
    """Survey a file that holds one chat; what cannot be read any more is left out."""
    survey, rest = Survey(chat_id), b""
    try:
        while chunk := file.read(_CHUNK_BYTES):
            survey.add_bytes(rest + chunk)
            rest = chunk[-_OVERLAP_BYTES:]
    except OSError:
        pass  # the import itself meets the same place and says so
    return survey


def survey_account(steps: Iterable[Step]) -> list[Survey]:
    """Survey each chat of an account, in the order of their headers; up to where it is broken."""
    surveys: list[Survey] = []
    try:
        for step in steps:
            if isinstance(step, Header):
                surveys.append(Survey(step.id))
            elif isinstance(step, MessageValue) and surveys:
                surveys[-1].add(step.value)
    except Broken:
        pass  # the import itself meets the same place and says so
    return surveys
