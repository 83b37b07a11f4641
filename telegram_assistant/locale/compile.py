"""
Compile the translations: `python -m telegram_assistant.locale.compile`.

Reads each django.po beside this file and writes its django.mo, as msgfmt does; gettext
need not be installed. Fuzzy and empty entries are left out.
"""

import ast
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
MAGIC = 0x950412DE
_HEADER = struct.Struct("<7I")
_ENTRY = struct.Struct("<2I")


@dataclass(slots=True)
class Message:
    """One entry of a .po file; `strings` are its plural forms, one if it has none."""

    context: str | None = None
    singular: str = ""
    plural: str | None = None
    strings: list[str] = field(default_factory=list)
    fuzzy: bool = False

    @property
    def key(self) -> str:
        """As gettext looks it up."""
        key = self.singular if self.plural is None else f"{self.singular}\0{self.plural}"
        return key if self.context is None else f"{self.context}\x04{key}"

    @property
    def translated(self) -> bool:
        return not self.fuzzy and bool(self.strings) and all(self.strings)

    def take(self, keyword: str, text: str) -> None:
        if keyword.startswith("msgstr"):
            self.strings.append(text)
        elif keyword == "msgid":
            self.singular += text
        elif keyword == "msgid_plural":
            self.plural = (self.plural or "") + text
        else:
            self.context = (self.context or "") + text


class Malformed(ValueError):
    """A line of a .po file that cannot be read."""


def parse(text: str) -> Iterator[Message]:
    """Blocks are separated by blank lines, as every tool writes them; `#~` is obsolete."""
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#~")]
        if any(not line.startswith("#") for line in lines):
            yield _message(lines)


def compiled(messages: Iterable[Message]) -> bytes:
    """A .mo file without a hash table, which no reader needs."""
    entries = sorted(
        (message.key.encode(), "\0".join(message.strings).encode())
        for message in messages
        if message.translated
    )
    originals = _HEADER.size
    translations = originals + _ENTRY.size * len(entries)
    start = translations + _ENTRY.size * len(entries)
    header = _HEADER.pack(MAGIC, 0, len(entries), originals, translations, 0, start)
    ids, texts = [key for key, _ in entries], [text for _, text in entries]
    tables = list(_table([*ids, *texts], start=start))
    return header + b"".join(tables) + b"".join(part + b"\0" for part in [*ids, *texts])


def main() -> int:
    for source in sorted(HERE.glob("*/LC_MESSAGES/*.po")):
        messages = list(parse(source.read_text(encoding="utf-8")))
        source.with_suffix(".mo").write_bytes(compiled(messages))
        missing = sum(not message.translated for message in messages)
        sys.stderr.write(f"{source.relative_to(HERE)}: {len(messages) - missing} compiled")
        sys.stderr.write(f", {missing} without a translation\n" if missing else "\n")
    return 0


def _message(lines: Iterable[str]) -> Message:
    message, keyword = Message(), ""
    for line in lines:
        if line.startswith("#"):
            message.fuzzy |= line.startswith("#,") and "fuzzy" in line
        elif line.startswith('"'):
            _go_on(message, keyword, _text(line))
        else:
            keyword, _, quoted = line.partition(" ")
            message.take(keyword, _text(quoted))
    return message


def _go_on(message: Message, keyword: str, text: str) -> None:
    if keyword.startswith("msgstr"):
        message.strings[-1] += text
    else:
        message.take(keyword, text)


def _text(quoted: str) -> str:
    """The escapes of a .po are those of Python."""
    try:
        value = ast.literal_eval(quoted.strip())
    except (SyntaxError, ValueError) as exc:
        raise Malformed(quoted) from exc
    if not isinstance(value, str):
        raise Malformed(quoted)
    return value


def _table(parts: Iterable[bytes], *, start: int) -> Iterator[bytes]:
    for part in parts:
        yield _ENTRY.pack(len(part), start)
        start += len(part) + 1


if __name__ == "__main__":
    sys.exit(main())
