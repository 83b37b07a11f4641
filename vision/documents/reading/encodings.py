"""The encoding of a text file: its bytes say it, or the letters that come of them."""

import codecs
from typing import Final

from charset_normalizer import from_bytes

from vision.documents.reading import utf16

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESSED: Final = ["cp1251", "koi8_r", "cp866", "iso8859_5", "cp1252"]
_SAMPLE: Final = 32_768
_MOST_CONTROLS: Final = 0.005
_MOST_NUL: Final = 0.05
"""A name and a NUL, as programs list files, is a text; numbers of four bytes are more."""
_COMMON: Final = frozenset("оеаинтсрвлкмдпуОЕАИНТСРВЛКМДПУ")


def decode(raw: bytes) -> str | None:
    """The text of these bytes; None where they are no text."""
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
            text = plain.decode(guessed(plain), "replace")
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
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        # A character that the end of a truncated file cut off.
        return raw[: error.start].decode() if error.start >= len(raw) - 3 and error.start else None


def _as_utf16(raw: bytes) -> str | None:
    """UTF-16 without a mark: of each pair, one byte is that of Latin or Cyrillic."""
    for order, high in (("utf-16-le", 1), ("utf-16-be", 0)):
        page = raw[high:_SAMPLE:2]
        if page and sum(byte in {0, 4} for byte in page) > 0.8 * len(page):
            return raw[: len(raw) // 2 * 2].decode(order, "replace")
    return None


def guessed(raw: bytes) -> str:
    """
    The encoding of one byte per character that reads best.

    charset-normalizer decides; among those in which it sees no difference the one with the most
    of the letters that Russian has most.
    """
    sample = raw[:_SAMPLE]
    found = from_bytes(sample, cp_isolation=_GUESSED, enable_fallback=False, language_threshold=0)
    names = [one.encoding for one in found] or _GUESSED
    return max(names, key=lambda name: _russian(sample, name))


def _russian(sample: bytes, encoding: str) -> float:
    """How much of a text are small letters common in Russian after small letters."""
    text = sample.decode(encoding, "replace")
    return sum((c in _COMMON) + 0.5 * (c.islower()) - 0.5 * (not c.isprintable()) for c in text)


def _is_binary(text: str) -> bool:
    controls = sum(not c.isprintable() and c not in "\r\n\t\f\xa0\xad\u200b\ufeff" for c in text)
    return controls > _MOST_CONTROLS * len(text)
