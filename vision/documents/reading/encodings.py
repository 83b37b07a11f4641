"""The encoding of a text file: its bytes say it, or the letters that come of them."""

import codecs
from typing import Final

from vision.documents.reading import guess, utf16

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE: Final = 32_768
_SHORT: Final = 1000
"""The last é of a short text in cp1252 looks like the half of a character."""
_MOST_CONTROLS: Final = 0.005
_MOST_DAMAGE: Final = 0.1
_MOST_NUL: Final = 0.05
"""A name and a NUL, as programs list files, is a text; numbers of four bytes are more."""


def decode(raw: bytes) -> str | None:
    """The text of these bytes; None where they are no text, or their encoding cannot be told."""
    for bom, name in _BOMS:
        if raw.startswith(bom):
            return raw.decode(name, "replace")
    raw = _unpadded(raw)
    text = _as_utf16(raw)  # before the others: small letters are below 0x80 in it, too
    if text is None:
        plain = _without_nul(raw)
        text = None if plain is None else _as_utf8(plain)
        if text is None or _is_binary(text):
            text = utf16.of_any_script(raw) or text
        if text is None and plain:
            text = _as_damaged_utf8(plain) or guess.text_of(plain)
    return text if text is not None and not _is_binary(text) else None


def _unpadded(raw: bytes) -> bytes:
    """A text without the zeros that fill its file; in UTF-16 one of them may be half of a letter."""
    text = raw.rstrip(b"\0")
    return raw[: len(text) + len(text) % 2] if text else raw


def _without_nul(raw: bytes) -> bytes | None:
    """
    A text without what stands between its lines; None where NUL is a part of a format.

    Whether the rest is a text, its other control characters tell.
    """
    few = raw.count(b"\0") <= max(1, _MOST_NUL * len(raw))
    return raw.replace(b"\0", b" ") if few else None


def _as_utf8(raw: bytes) -> str | None:
    """The text, without a character that the end of a truncated file cut off."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return None
    is_whole = len(text.encode()) == len(raw)
    return text if is_whole or not text.isascii() or len(raw) > _SHORT else None


def _as_damaged_utf8(raw: bytes) -> str | None:
    """A text in UTF-8 of which a few bytes are wrong: in no other encoding so many would be right."""
    text = raw.decode(errors="replace")
    wrong, letters = text.count("\ufffd"), sum(not char.isascii() for char in text)
    return text if wrong <= _MOST_DAMAGE * letters else None


def _as_utf16(raw: bytes) -> str | None:
    """UTF-16 without a mark: of each pair, one byte is that of Latin or Cyrillic."""
    for order, high in (("utf-16-le", 1), ("utf-16-be", 0)):
        page = raw[high:_SAMPLE:2]
        if page and sum(byte in {0, 4} for byte in page) > 0.8 * len(page):
            return raw[: len(raw) // 2 * 2].decode(order, "replace")
    return None


def is_text(raw: bytes) -> bool:
    """Whether these bytes are letters in some encoding: no format of files is free of controls."""
    return not _is_binary(_unpadded(raw).decode("cp437"))


def _is_binary(text: str) -> bool:
    controls = sum(not c.isprintable() and c not in "\r\n\t\f\xa0\xad\u200b\ufeff" for c in text)
    return controls > _MOST_CONTROLS * len(text)
