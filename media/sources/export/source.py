"""A Telegram Desktop export as a `Source` of the port."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import BinaryIO

from events.sentences import gettext_noop as _
from media.sources.export.chats import ChatPolicy
from media.sources.export.export_path import AS_JSON, locate
from media.sources.export.files import ExportFolder
from media.sources.export.headers import Header
from media.sources.export.json_stream.reader import Cursor, Unreadable
from media.sources.export.json_stream.repair import clean
from media.sources.export.json_stream.text_window import (
    CHUNK_BYTES,
    MAX_VALUE_CHARS,
    Broken,
    Window,
)
from media.sources.export.messages.albums import Albums
from media.sources.export.messages.convert import Draft, convert, reading
from media.sources.export.survey import Clock, Survey, survey
from media.sources.export.walk import MessageValue, Step, Walk
from media.sources.port import Chat, Message, Problem, Record, SourceRefused, UnknownKey

_CLOCKS_DIFFER = timedelta(days=1)
"""A date later than that after the time of the import says nothing of an export's age."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ExportSource:
    """
    A folder that holds a result.json, or the JSON file itself.

    The constructor raises SourceRefused where neither is found, the first step of `records()`
    where the file is no export; the message says what to do. `zone` is that of the dates in
    exports from before June 2022. `now` is the clock after which no date makes an export newer.
    Paths of files are relative to the folder of the JSON file.
    """

    def __init__(
        self,
        path: Path,
        *,
        zone: tzinfo,
        include_private: bool = False,
        now: Callable[[], datetime] = _utc_now,
        chunk_bytes: int = CHUNK_BYTES,
        max_value_chars: int = MAX_VALUE_CHARS,
    ) -> None:
        self._file = locate(path)
        self._name = str(clean(self._file.name))  # a name need not be UTF-8, what is told must be
        self._folder = ExportFolder(self._file.parent)
        self._zone = zone
        self._now = now
        self._policy = ChatPolicy(self._file, include_private=include_private)
        self._chunk_bytes = chunk_bytes
        self._max_value_chars = max_value_chars
        self._window: Window | None = None
        self._bytes_read_elsewhere = 0
        self._last_id: int | None = None
        self._surveys: Iterator[Survey] | None = None

    @property
    def total_bytes(self) -> int:
        """The size of the JSON file, the measure of `bytes_read`."""
        return self._file.stat().st_size

    @property
    def bytes_read(self) -> int:
        """Bytes of the JSON file that `records()` has read."""
        return self._window.bytes_read if self._window else self._bytes_read_elsewhere

    def note_read_elsewhere(self, bytes_read: int) -> None:
        """Note how far another process has read the same file."""
        self._bytes_read_elsewhere = bytes_read

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        return self._folder.open(path)

    def size_bytes(self, path: str) -> int | None:
        """The size of a file, from its folder entry only; None where `open` would refuse."""
        return self._folder.size_bytes(path)

    def records(self) -> Generator[Record, None, None]:
        self._window = self._last_id = self._surveys = None
        with ExitStack() as files:
            walk = Walk(open_cursor=partial(self._open_cursor, files), wanted=self._policy.wants)
            yield from self._records(walk)

    def _survey(self) -> Survey:
        """Survey the next chat; asked for each header of the file once, in their order."""
        if self._surveys is None:
            clock = Clock(self._zone, until=self._now() + _CLOCKS_DIFFER)
            with ExitStack() as files:
                open_cursor = partial(self._open_cursor, files)
                walk = Walk(open_cursor=open_cursor, wanted=self._policy.wants)
                self._surveys = iter(survey(walk.steps(), clock))
        return next(self._surveys, Survey())

    def _open_cursor(self, files: ExitStack) -> Cursor:
        window = Window(
            files.enter_context(self._file.open("rb")),
            chunk_bytes=self._chunk_bytes,
            max_chars=self._max_value_chars,
        )
        self._window = self._window or window  # a second pass is not progress
        return Cursor(window)

    def _records(self, walk: Walk) -> Iterator[Record]:
        albums: Albums[Message] = Albums()
        started = False
        try:
            for step in walk.steps():
                started = True
                yield from self._records_of(step, albums)
        except Broken as exc:
            if not started:
                raise self._no_export(exc.reason) from exc
            yield from albums.flush()
            yield exc.problem(self._name, self._last_id)
            return
        if not started:
            raise self._no_export(_("there is no chat in it"))
        yield from albums.flush()
        yield from map(UnknownKey, walk.unknown_keys)

    def _records_of(self, step: Step, albums: Albums[Message]) -> Iterator[Record]:
        if not isinstance(step, MessageValue):
            yield from albums.flush()
            other = self._chat(step) if isinstance(step, Header) else _problem(step)
            yield self._located(other) if isinstance(other, Problem) else other
            return
        found = convert(step.value, zone=self._zone, size_of=self.size_bytes)
        if isinstance(found, Problem):
            yield from albums.flush()
            yield self._located(found)
            return
        self._last_id = found.message_id
        if isinstance(found, Draft):
            yield from albums.add(found)
        else:
            yield from albums.flush()
            yield found

    def _chat(self, header: Header) -> Record:
        record, found = self._policy.record(header), self._survey()
        if not isinstance(record, Chat):
            return record
        as_of = found.as_of
        return replace(
            record,
            # The same export, read in a better way, counts for more than it did before.
            as_of=as_of and f"{as_of}/{reading():03d}",
            authors=len(found.authors),
            people=found.people,
        )

    def _located(self, problem: Problem) -> Problem:
        """Name the file and the place: the message may have no id by which it could be found."""
        position = self._window.position if self._window else 0
        return replace(problem, detail=f"{self._name}, near byte {position}: {problem.detail}")

    def _no_export(self, reason: str) -> SourceRefused:
        return SourceRefused(
            self._file,
            _("is not a Telegram export that can be read: %(why)s. %(advice)s."),
            {"why": reason, "advice": AS_JSON},
        )


def _problem(unreadable: Unreadable) -> Problem:
    return Problem(
        code="invalid_message", detail=unreadable.reason, message_id=unreadable.message_id
    )
