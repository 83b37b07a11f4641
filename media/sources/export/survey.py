"""
Survey an export before it is imported: how old is it, and how many write in its chats?

Both are known only at the end of the file, and an import needs them for its first message. The
messages are decoded for it, because dates and ids also stand deep inside of them: a date that is
shown in a text, or the number of a task, says nothing of when the chat was exported.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from media.sources.export.headers import Header
from media.sources.export.json_stream.text_window import Broken
from media.sources.export.messages.times import InvalidTime, parse_edit_time, parse_time
from media.sources.export.walk import MessageValue, Step

_PERSON = re.compile(r"user\d+|\d{1,10}")
_PREFIXED = 2**33
"""Before April 2021 the id of a channel was exported with this added to it."""
_MESSAGE_IDS = range(-(2**40), 2**40)
_MOST_AUTHORS, _AUTHOR_CHARS = 1000, 32
"""No more are told apart: memory must not grow with the file."""
_BEGIN = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """The zone in which local dates are read, and the last moment that a date may name."""

    zone: tzinfo
    until: datetime


@dataclass(slots=True)
class Survey:
    """The latest date or edit of a chat, its highest message id, and who writes in it."""

    chat_id: Any = None
    latest: datetime = _BEGIN
    highest_id: int = 0
    authors: set[str] = field(default_factory=set)

    @property
    def as_of(self) -> str:
        """The age as `Chat.as_of` has it; empty where the chat has no date."""
        if self.latest == _BEGIN:
            return ""
        return f"{self.latest:%Y-%m-%dT%H:%M:%S}Z/{self.highest_id:013d}"

    @property
    def people(self) -> int:
        """How many of the authors are persons, not channels or groups."""
        own = {str(number) for number in self._own_ids()}
        return sum(bool(_PERSON.fullmatch(author)) for author in self.authors - own)

    def add(self, value: Any, clock: Clock) -> None:
        """Count a message as decoded JSON; not one whose id or dates the import will refuse."""
        if not isinstance(value, dict) or not _has_id(value):
            return
        with suppress(InvalidTime, TypeError):
            for at in _times(value, clock.zone):
                if self.latest < at <= clock.until:
                    self.latest = at
            self.highest_id = max(self.highest_id, value["id"])
        author = value.get("from_id")
        if author is not None and len(self.authors) < _MOST_AUTHORS:
            self.authors.add(str(author)[:_AUTHOR_CHARS])

    def _own_ids(self) -> tuple[int, ...]:
        """The id of the chat as files of any age write it."""
        if not isinstance(self.chat_id, int):
            return ()
        return self.chat_id, self.chat_id + _PREFIXED, self.chat_id - _PREFIXED


def survey(steps: Iterable[Step], clock: Clock) -> list[Survey]:
    """Survey each chat, in the order of their headers; up to where the file is broken."""
    surveys: list[Survey] = []
    try:
        for step in steps:
            if isinstance(step, Header):
                surveys.append(Survey(step.id))
            elif isinstance(step, MessageValue) and surveys:
                surveys[-1].add(step.value, clock)
    except Broken:
        pass  # the import itself meets the same place and says so
    return surveys


def _has_id(value: dict[str, Any]) -> bool:
    number = value.get("id")
    return type(number) is int and number in _MESSAGE_IDS and isinstance(value.get("type"), str)


def _times(value: dict[str, Any], zone: tzinfo) -> list[datetime]:
    """
    The times of the message itself that are given. Raises InvalidTime, or TypeError for a shape
    that is no time.
    """
    unix, local = value.get("date_unixtime"), value.get("date")
    posted_at = parse_time(unix=unix, local=local, zone=zone, field="date")
    if posted_at is None:
        if value["type"] == "message":
            raise InvalidTime("date")
        return []
    unix, local = value.get("edited_unixtime"), value.get("edited")
    if not unix and not local:
        return [posted_at]
    edited_at = parse_edit_time(unix=unix, local=local, zone=zone, posted_at=posted_at)
    return [posted_at, edited_at] if edited_at else [posted_at]
