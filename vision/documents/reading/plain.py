"""Texts: plain ones, tables of comma-separated values, HTML."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import lxml.html

from vision.documents.findings import Refusal, Refused
from vision.documents.reading.encodings import decode, is_text
from vision.documents.reading.office import CELLS
from vision.documents.reading.output import Output

_HEAD: Final = 4096
_HTML: Final = re.compile(
    r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_DECLARATION: Final = re.compile(r"^\s*<\?xml[^>]*\?>")
_CHARSET: Final = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE
)
_DELIMITERS: Final = "\t;,|"
_LINES: Final = 20
_UNSEEN: Final = frozenset({"script", "style", "noscript", "template", "svg", "head", "math"})
_BLOCKS: Final = frozenset(
    {
        "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset",
        "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
        "li", "main", "nav", "ol", "option", "p", "pre", "section", "table", "tbody", "td", "th",
        "title", "tr", "ul",
    }
)  # fmt: skip
BYTES_PER_CHAR: Final = 40
"""Of HTML, with its scripts and pictures; of plain text four are the most."""


def read(path: Path, output: Output) -> None:
    """Read a file that is no other format: a text, or nothing that can be read."""
    raw = _beginning(path, output.limits.chars * BYTES_PER_CHAR)
    text = decode(raw) or _by_its_charset(raw)
    if text is None:
        raise Refused(Refusal.UNKNOWN_ENCODING if is_text(raw) else Refusal.FORMAT_NOT_READ)
    if _HTML.match(text[:_HEAD]):
        output.format("html")
        output.text(html_text(_by_its_charset(raw) or text))
    elif delimiter := delimiter_of(text[:_HEAD]):
        output.format("csv")
        output.text(_table(text, delimiter))
    else:
        output.format("text")
        output.text(text)


def _beginning(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


def _by_its_charset(raw: bytes) -> str | None:
    """The text in the encoding that the page names; None if it names none, or one nobody knows."""
    found = _CHARSET.search(raw[:_HEAD])
    if not found or raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return None
    try:
        return raw.decode(found[1].decode("ascii"))
    except (LookupError, UnicodeDecodeError):
        return None


def html_text(text: str) -> str:
    """What a reader of the page sees, a line for each block."""
    source = _DECLARATION.sub("", text).replace("\0", " ")
    root = lxml.html.document_fromstring(source) if source.strip() else None
    return "" if root is None else "".join(_seen(root))


def _seen(root: Any) -> Iterator[str]:
    """Not recursive: pages may be nested deeper than Python is."""
    yield from (f"{title.text or ''}\n" for title in root.iter("title"))
    hidden: Any = None
    for event, element in lxml.etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        is_block = element.tag in _BLOCKS
        if event == "start" and hidden is None:
            if element.tag in _UNSEEN:
                hidden = element
                continue
            yield "\n" if is_block else ""
            yield element.text or ""
        elif event != "start":
            if element is hidden:
                hidden = None
            if hidden is None:
                yield "\n" if is_block else ""
                yield element.tail or ""


def delimiter_of(head: str) -> str:
    """What separates the values of a table; empty where the lines are no table."""
    lines = [line for line in head.split("\n")[:-1] or [head] if line.strip()][:_LINES]
    if len(lines) < 2:  # noqa: PLR2004 - one line says nothing
        return ""
    for delimiter in _DELIMITERS:
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter)}
        if len(widths) == 1 and widths.pop() > 1:
            return delimiter
    return ""


def _table(text: str, delimiter: str) -> str:
    """The rows of a table; as it stands where only its beginning looked like one."""
    try:
        return "\n".join(_rows(text, delimiter))
    except csv.Error:
        return text


def _rows(text: str, delimiter: str) -> Iterator[str]:
    for row in csv.reader(io.StringIO(text), delimiter=delimiter):
        yield CELLS.join([cell.strip() for cell in row if cell.strip()])
