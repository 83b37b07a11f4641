"""
A pull reader of JSON: decode or skip one value at a time, never hold the whole file.

The standard library's C scanner decodes one value at a time out of a moving window. (ijson was
measured too. It is quicker, but its path strings grow with the square of the nesting: 12 kB of `[`
took 360 MB; and one bad message ends the whole file, where here it is only skipped: whatever it
holds, bytes that are not UTF-8 and values that memory cannot hold too.)
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from media.sources.export.json_stream import reasons
from media.sources.export.json_stream.repair import clean, may_hold_unstorable, repair
from media.sources.export.json_stream.text_window import (
    MALFORMED,
    TRUNCATED,
    Broken,
    TooLong,
    Window,
)

_SPACE = re.compile(r"[ \t\r\n]*+")
_SCALAR = re.compile(r"[^,\]}\s]+")
_ID = re.compile(r'"id"\s*:\s*(-?\d{1,18})\b')
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_TO_BRACKETS = re.compile(
    r'(?:[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"){0,1000}([{\[]++|[}\]]++)?', re.DOTALL
)
"""
Past whole strings and the next run of brackets of one direction; without brackets, to the end, to
an unfinished string, or over a thousand pieces. A run, so that a million of `[` is one step and not
a million.

Not `*+`: before Python 3.11.5 a possessive group whose last try fails stays where that try had come
to, behind the unfinished string (gh-106052). And `*` remembers each piece: a thousand are enough.
"""
_IN_STRING = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+){0,1000}', re.DOTALL)
"""To the end of the string, or over a thousand escapes; not `*+`, see above."""
_CLOSING = {"{": "}", "[": "]"}
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_CUT_SHORT_CHARS = 12
"""A file that was cut inside a literal or an escape fails within so many characters of its end."""


class Unreadable(Exception):
    """A value is not JSON, but its end is clear: the cursor is behind it and can go on."""

    def __init__(self, reason: str, fragment: str) -> None:
        super().__init__(reason)
        found = _ID.search(fragment, 0, 1000)
        self.reason = reason
        self.message_id = int(found[1]) if found else None


class Cursor:
    """A position before a value. Each value of `members` or `items` is consumed before the next."""

    def __init__(self, window: Window) -> None:
        self._window = window

    def members(self) -> Iterator[str]:
        """Yield the keys of the object at the cursor."""
        self._take("{")
        if self._closes("}"):
            return
        while True:
            yield self._key()
            if self._take(",}") == "}":
                return

    def items(self) -> Iterator[None]:
        """Yield once before each item of the array at the cursor."""
        self._take("[")
        if self._closes("]"):
            return
        while True:
            yield
            if self._take(",]") == "]":
                return

    def peek(self) -> str:
        """The next character that is not white space; empty at the end of the file."""
        window = self._window
        while True:
            at = window.at
            if at < len(window.text):
                if (mark := window.text[at]) not in " \t\r\n":
                    return mark
                window.at = _SPACE.match(window.text, at).end()  # type: ignore[union-attr]
            elif not window.fill():
                return ""

    def value(self) -> Any:
        """Decode the value, repaired where needed. Raises Unreadable (it is skipped) or Broken."""
        mark = self.peek()
        try:
            return self._container() if mark in ("{", "[", '"') else self._scalar()
        except TooLong:
            self._skip_too_long()

    def _container(self) -> Any:
        """Decode the object, array or string at the cursor."""
        window = self._window
        start = window.at
        try:
            value, end = _DECODER.raw_decode(window.text, start)
            if may_hold_unstorable(window.text, start, end):
                value = clean(value)
        except (ValueError, RecursionError):
            return self._hard_value()
        window.at = end
        if window.has_undecodable:
            _check_decodable(window.text[start:end])
        return value

    def skip(self) -> None:
        """Move past the value without decoding it, however long it is."""
        mark = self.peek()
        if mark == '"':
            self._skip_string()
        elif mark in ("{", "["):
            self._skip_container()
        else:
            self._skip_scalar()

    def end(self) -> None:
        """Check that nothing but white space follows. Raises Broken."""
        if self.peek():
            self._break("there is something after the end of the export")

    def _key(self) -> str:
        if self.peek() != '"':
            self._break("expected a key")
        try:
            key = str(self.value())
        except Unreadable:
            key = ""
        self._take(":")
        return key

    def _scalar(self) -> Any:
        token = self._scalar_token()
        try:
            return _DECODER.decode(token)
        except (ValueError, RecursionError) as exc:
            raise Unreadable(reasons.NOT_A_VALUE, token) from exc

    def _scalar_token(self) -> str:
        window = self._window
        while True:
            found = _SCALAR.match(window.text, window.at)
            if found and found.end() < len(window.text):
                break
            if not window.fill():
                self._break(reasons.NO_VALUE, ended=True)
            if found is None:
                self._break(reasons.NO_VALUE)
        window.at = found.end()
        return found[0]

    def _hard_value(self) -> Any:
        """Decode a value that needs more of the file or a repair. Raises Unreadable."""
        window = self._window
        size = self._extent()
        fragment = window.text[window.at : window.at + size]
        window.at += size
        if window.has_undecodable:
            _check_decodable(fragment)
        try:
            return clean(loads(fragment))
        except RecursionError as exc:
            raise Unreadable(reasons.TOO_DEEP, fragment) from exc
        except ValueError as exc:
            raise Unreadable(reasons.NOT_JSON % {"why": _reason(exc)}, fragment) from exc

    def _extent(self) -> int:
        """
        Return the length of the string or container at the cursor, in characters.

        All of it is in the window afterwards. Raises TooLong.
        """
        if self._window.text[self._window.at] == '"':
            return self._string_extent()
        window, depth, offset = self._window, 0, 0
        while True:
            found = _TO_BRACKETS.match(window.text, window.at + offset)
            if found and (marks := found[1]):
                depth = _depth_after(depth, marks)
                offset = found.end() - window.at
                if depth <= 0:  # the rest of the run closes what the value is in
                    return offset + depth
            elif found and found.end() > window.at + offset:
                offset = found.end() - window.at
            else:
                self._grow()

    def _string_extent(self) -> int:
        window = self._window
        while True:
            if found := _STRING.match(window.text, window.at):
                return found.end() - window.at
            self._grow()

    def _skip_too_long(self) -> NoReturn:
        """Step over a value that does not fit into memory. Raises Unreadable."""
        window = self._window
        begin, fragment = window.position, window.text[window.at : window.at + 1000]
        most = {"most": window.max_chars}
        unclosed = Broken(MALFORMED, begin, reasons.UNCLOSED % most)
        try:
            self.skip()
        except Broken as exc:
            # Not the end of the file is what is wrong, but a bracket or quote missing since here.
            raise unclosed from exc
        if fragment[0] in _CLOSING and window.text[window.at - 1] != _CLOSING[fragment[0]]:
            raise unclosed
        raise Unreadable(reasons.TOO_LONG % most, fragment)

    def _skip_string(self) -> None:
        window = self._window
        window.at += 1
        while True:
            begin = window.at
            window.at = _IN_STRING.match(window.text, begin).end()  # type: ignore[union-attr]
            if window.text.startswith('"', window.at):
                window.at += 1
                return
            if window.at == begin:
                self._grow()

    def _skip_container(self) -> None:
        window, depth = self._window, 0
        while True:
            begin = window.at
            found = _TO_BRACKETS.match(window.text, begin)
            window.at = found.end() if found else begin
            if found and (marks := found[1]):
                depth = _depth_after(depth, marks)
                if depth <= 0:  # the rest of the run closes what the value is in
                    window.at += depth
                    return
            elif window.text.startswith('"', window.at):
                self._skip_string()  # may be longer than the window
            elif window.at == begin:
                self._grow()

    def _skip_scalar(self) -> None:
        window = self._window
        if not (found := _SCALAR.match(window.text, window.at)):
            self._break(reasons.NO_VALUE, ended=not window.text[window.at :])
        while found:
            window.at = found.end()
            if window.at == len(window.text) and not window.fill():
                self._break(reasons.NO_VALUE, ended=True)
            found = _SCALAR.match(window.text, window.at)

    def _grow(self) -> None:
        """Read more of a value that does not end in the window. Raises Broken, TooLong."""
        if not self._window.fill():
            self._ended_inside()

    def _ended_inside(self) -> NoReturn:
        """Raise Broken: the file ends before the value does, cut short or malformed before."""
        fragment = self._window.text[self._window.at :]
        try:
            loads(fragment)
        except json.JSONDecodeError as exc:
            left = len(exc.doc) - exc.pos
            if left > _CUT_SHORT_CHARS and not exc.msg.startswith("Unterminated"):
                self._window.at += min(exc.pos, len(fragment))
                self._break(_reason(exc))
        except (ValueError, RecursionError):
            pass
        self._break(reasons.ENDS_INSIDE, ended=True)

    def _closes(self, mark: str) -> bool:
        """Step over the closing mark of an empty container; False where it has values."""
        if self.peek() != mark:
            return False
        self._window.at += 1
        return True

    def _take(self, marks: str) -> str:
        mark = self.peek()
        if not mark:
            self._break(reasons.ENDS_EARLY, ended=True)
        if mark not in marks:
            self._break(reasons.NO_MARK % {"marks": marks})
        self._window.at += 1
        return mark

    def _break(self, reason: str, *, ended: bool = False) -> NoReturn:
        window = self._window
        if _UNDECODABLE.match(window.text, window.at):
            reason = reasons.NOT_UTF8
        raise Broken(TRUNCATED if ended else MALFORMED, window.position, reason)


def _depth_after(depth: int, marks: str) -> int:
    return depth + len(marks) if marks[0] in "{[" else depth - len(marks)


def _check_decodable(fragment: str) -> None:
    """Raise Unreadable for a value in which bytes are not UTF-8."""
    if _UNDECODABLE.search(fragment):
        raise Unreadable(reasons.NOT_UTF8, fragment)


def loads(fragment: str) -> Any:
    """Decode a whole value, repaired where needed. Raises ValueError or RecursionError."""
    try:
        return _DECODER.decode(fragment)
    except json.JSONDecodeError:
        return _DECODER.decode(repair(fragment))


def _reason(exc: ValueError) -> str:
    return exc.msg if isinstance(exc, json.JSONDecodeError) else str(exc)


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(reasons.BEYOND_BOUNDS)
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(reasons.NO_CONSTANT % {"name": name})


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant, strict=False)
