"""Read a file as a window of text that only moves forward: memory does not grow with the file."""

import codecs
from typing import BinaryIO

from events.sentences import Sentence, gettext_noop
from media.sources.export.json_stream import reasons
from media.sources.port import Problem

CHUNK_BYTES = 1 << 18
MAX_VALUE_CHARS = 8 << 20
"""A message is some kilobytes. A single value beyond this is stepped over, not held in memory."""

TRUNCATED = "truncated"
MALFORMED = "malformed_json"
BYTE_ORDER_MARK = "\ufeff"

_NEAR = Sentence(gettext_noop("%(name)s, near byte %(byte)s, %(after)s: %(why)s. %(remedy)s"))
_AFTER = Sentence(gettext_noop("after message %(message)s"))
_BEFORE_ALL = gettext_noop("before the first message")
_REMEDY = gettext_noop("Everything before it was read; export the chat again for the rest.")


class Broken(Exception):
    """Nothing after `position` (a byte of the file) can be read."""

    def __init__(self, code: str, position: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.position = position
        self.reason = reason

    def problem(self, name: str, last_id: int | None) -> Problem:
        after = _BEFORE_ALL if last_id is None else _AFTER % {"message": last_id}
        where = {"name": name, "byte": self.position, "after": after}
        detail = _NEAR % {**where, "why": self.reason, "remedy": _REMEDY}
        return Problem(code=self.code, detail=detail, fatal=True)


class TooLong(Exception):
    """The text that is read and not consumed has reached the most that is held in memory."""


class Window:
    """
    The text of a file that is read and not consumed yet: `text[at:]`. `fill()` appends more.

    Every `fill()` invalidates indices into `text`: it drops what is before `at`. Bytes that are
    not UTF-8 stand in `text` as lone surrogates (PEP 383), and `has_undecodable` is set.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        max_chars: int = MAX_VALUE_CHARS,
    ) -> None:
        self.text = ""
        self.at = 0
        self.bytes_read = 0
        self._stream = stream
        self._chunk_bytes = chunk_bytes
        self.max_chars = max_chars
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.has_undecodable = False
        self._begun = False
        self._end_bytes = 0
        """The byte of the file behind `text`."""
        self._counted = False
        """Whether the byte at an index of this `text` was asked for; nearly always nobody does."""
        self._counted_at = self._counted_bytes = 0

    @property
    def position(self) -> int:
        """The byte of the file at `at`. Each character is counted once, however often asked."""
        if not self._counted:
            self._counted = True
            self._counted_bytes = self._end_bytes - _size_bytes(self.text[self._counted_at :])
        self._counted_bytes += _size_bytes(self.text[self._counted_at : self.at])
        self._counted_at = self.at
        return self._counted_bytes

    def fill(self) -> bool:
        """Append at least one character; False at the end of the file. Raises Broken, TooLong."""
        if len(self.text) - self.at > self.max_chars:
            raise TooLong
        while True:
            # Doubling keeps the work for one big value proportional to its size.
            data = self._read(max(self._chunk_bytes, len(self.text) - self.at))
            if not data:
                return False
            if self._append(data):
                return True

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as exc:
            reason = reasons.DISK % {"why": exc.strerror}
            raise Broken(TRUNCATED, self.bytes_read, reason) from exc

    def _append(self, data: bytes) -> bool:
        self.bytes_read += len(data)
        more = self._decode(data)
        self._end_bytes = self.bytes_read - len(self._decoder.getstate()[0])
        if more and not self._begun:
            self._begun = True
            more = more.removeprefix(BYTE_ORDER_MARK)
        self.text = self.text[self.at :] + more
        self.at = self._counted_at = 0
        self._counted = False
        return bool(more)

    def _decode(self, data: bytes) -> str:
        try:
            return self._decoder.decode(data)
        except UnicodeDecodeError:
            # From here on the slower way: each value has to be searched for undecodable bytes.
            self.has_undecodable = True
            held = self._decoder.getstate()
            self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
            self._decoder.setstate(held)
            return self._decoder.decode(data)


def _size_bytes(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))
