"""What was read so far: written out at once, so that it outlives a process that is killed."""

import json
import sys
import unicodedata
from typing import Any, Final, TextIO

from vision.documents.findings import Cut
from vision.documents.limits import PART_CHARS, Limits

_KEPT: Final = frozenset("\n\t")


class Enough(Exception):
    """All the characters that are wanted were read."""


class Output:
    """Takes texts in their order, cuts them into parts, and stops at the limit of characters."""

    def __init__(self, limits: Limits, *, to: TextIO = sys.stdout) -> None:
        self.limits = limits
        self.cuts: list[Cut] = []
        self._to = to
        self._left = limits.chars

    def text(self, text: str, *, page: int | None = None, label: str = "") -> None:
        """Add a text; `page` is its number in the file, None where there are none. Raises Enough."""
        whole = cleaned(text)
        for part in parts_of(whole[: self._left]):
            self._write({"text": part, "page": page, "label": label[:200]})
        self._left -= len(whole)
        if self._left < 0:
            self.cut(Cut.CHARS)
            raise Enough

    def picture(self, file: str, *, page: int) -> None:
        """Name the picture of a page that has no text of its own."""
        self._write({"picture": file, "page": page})

    def cut(self, why: Cut) -> None:
        if why not in self.cuts:
            self.cuts.append(why)

    def format(self, name: str) -> None:
        self._write({"format": name})

    def pages(self, count: int) -> None:
        """Say how many pages the file has, read or not."""
        self._write({"pages": count})

    def refused(self, reason: str, detail: str = "") -> None:
        self._write({"refused": reason, "detail": detail[:200]})

    def end(self) -> None:
        self._write({"end": True, "cuts": self.cuts})

    def _write(self, line: dict[str, Any]) -> None:
        self._to.write(json.dumps(line) + "\n")
        self._to.flush()


def cleaned(text: str) -> str:
    """A text without control characters and runs of blanks and empty lines; composed letters."""
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    plain = "".join([c if c in _KEPT or _is_shown(c) else " " for c in composed])
    lines = [" ".join(line.split()) for line in plain.split("\n")]
    return "\n".join([line for line in lines if line])


def _is_shown(char: str) -> bool:
    # Cc: controls with NUL among them; Cs: halves of pairs, which UTF-8 cannot write; Cn: no character.
    return char.isprintable() or unicodedata.category(char) not in {"Cc", "Cs", "Cn"}


def parts_of(text: str) -> list[str]:
    """Cut a text at the ends of lines, or of words, into parts of at most `PART_CHARS`."""
    parts = []
    while len(text) > PART_CHARS:
        end = max(text.rfind("\n", PART_CHARS // 2, PART_CHARS), 0)
        end = end or max(text.rfind(" ", PART_CHARS // 2, PART_CHARS), 0) or PART_CHARS
        parts.append(text[:end])
        text = text[end:].lstrip()
    return [*parts, text] if text else parts
