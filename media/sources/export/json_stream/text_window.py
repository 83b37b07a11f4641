"""Read a file as a window of text that only moves forward: memory does not grow with the file."""

import codecs
from typing import BinaryIO

from media.sources.port import Problem

CHUNK_BYTES = 1 << 18
MAX_VALUE_CHARS = 8 << 20
"""A message is some kilobytes. A single value beyond this is an attack or a broken file."""

TRUNCATED = "truncated"
MALFORMED = "malformed_json"


class Broken(Exception):
    """Nothing after `position` (a byte of the file) can be read."""

    def __init__(self, code: str, position: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.position = position
        self.reason = reason

    def problem(self, name: str, last_id: int | None) -> Problem:
        where = f"{name}, near byte {self.position}"
        after = "before the first message" if last_id is None else f"after message {last_id}"
        remedy = "Everything before it was read; export the chat again for the rest."
        return Problem(
            code=self.code, detail=f"{where}, {after}: {self.reason}. {remedy}", fatal=True
        )


class Window:
    """
    The text of a file that is read and not consumed yet: `text[at:]`. `fill()` appends more.

    Every `fill()` invalidates indices into `text`: it drops what is before `at`.
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
        self._max_chars = max_chars
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._undecodable: Broken | None = None

    @property
    def position(self) -> int:
        """The byte of the file at `at`."""
        ahead = len(self.text[self.at :].encode()) + len(self._decoder.getstate()[0])
        return self.bytes_read - ahead

    def fill(self) -> bool:
        """Append at least one character; False at the end of the file. Raises Broken."""
        if len(self.text) - self.at > self._max_chars:
            reason = f"one value is longer than {self._max_chars} characters"
            raise Broken(MALFORMED, self.position, reason)
        while self._undecodable is None:
            # Doubling keeps the work for one big value proportional to its size.
            data = self._read(max(self._chunk_bytes, len(self.text) - self.at))
            if not data:
                return False
            if self._append(data):
                return True
        raise self._undecodable

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as exc:
            reason = f"the disk cannot read on ({exc.strerror})"
            raise Broken(TRUNCATED, self.bytes_read, reason) from exc

    def _append(self, data: bytes) -> bool:
        first = self.bytes_read == 0
        self.bytes_read += len(data)
        more = self._decode(data)
        if first:
            more = more.removeprefix("\ufeff")
        self.text = self.text[self.at :] + more
        self.at = 0
        return bool(more)

    def _decode(self, data: bytes) -> str:
        try:
            return self._decoder.decode(data)
        except UnicodeDecodeError as exc:
            whole = exc.object
            position = self.bytes_read - len(whole) + exc.start
            self._undecodable = Broken(MALFORMED, position, "the file is not UTF-8 here")
            self._decoder.reset()
            return whole[: exc.start].decode()
