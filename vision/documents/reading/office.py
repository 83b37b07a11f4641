"""Documents of offices: text by python-docx, slides by python-pptx, tables by calamine."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import docx
import pptx
import python_calamine as calamine
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from pptx.oxml.ns import qn as slide_qn

from vision.documents.findings import Cut, Refusal, Refused
from vision.documents.reading.output import Output

CELLS: Final = " | "
_BATCH: Final = 200
"""Paragraphs that are handed on together."""


def read_word(path: Path, output: Output) -> None:
    """Read paragraphs and tables in their order, then headers, footers and footnotes."""
    document = docx.Document(str(path))
    _flow(output, _paragraphs(document.element.body))
    for relation in document.part.rels.values():
        kind = relation.reltype.rpartition("/")[2]
        if kind in {"header", "footer", "footnotes", "endnotes", "comments"}:
            _flow(output, _paragraphs_of_part(relation.target_part))


def _paragraphs_of_part(part: Any) -> Iterator[str]:
    root = getattr(part, "element", None)
    if root is None:  # python-docx knows no footnotes: the part is bytes
        root = parse_xml(part.blob)
    return _paragraphs(root)


def _paragraphs(root: Any) -> Iterator[str]:
    for paragraph in root.iter(qn("w:p")):
        yield "".join(_runs(paragraph))


def _runs(paragraph: Any) -> Iterator[str]:
    for element in paragraph.iter():
        if element.tag == qn("w:t"):  # and not w:delText, which its author has deleted
            yield element.text or ""
        elif element.tag in {qn("w:tab"), qn("w:br"), qn("w:cr")}:
            yield " "


def _flow(output: Output, paragraphs: Iterable[str]) -> None:
    batch: list[str] = []
    for paragraph in paragraphs:
        batch.append(paragraph)
        if len(batch) >= _BATCH:
            output.text("\n".join(batch))
            batch = []
    output.text("\n".join(batch))


def read_slides(path: Path, output: Output) -> None:
    """Read the text of each slide, of its tables, groups and notes."""
    slides = pptx.Presentation(str(path)).slides
    output.pages(len(slides))
    for number, slide in enumerate(slides, start=1):
        if number > output.limits.pages:
            output.cut(Cut.PAGES)
            break
        output.text("\n".join(_of_slide(slide)), page=number)


def _of_slide(slide: Any) -> Iterator[str]:
    roots = [slide.shapes.element]
    if slide.has_notes_slide:
        roots.append(slide.notes_slide.shapes.element)
    for root in roots:
        for paragraph in root.iter(slide_qn("a:p")):
            yield "".join(t.text or "" for t in paragraph.iter(slide_qn("a:t")))


def read_tables(path: Path, output: Output) -> None:
    """Read the cells of each sheet, row by row, under its name."""
    try:
        book = calamine.load_workbook(str(path))
    except calamine.PasswordError as error:
        raise Refused(Refusal.ENCRYPTED) from error
    except calamine.CalamineError as error:
        raise Refused(Refusal.BROKEN, str(error)) from error
    with book:
        output.pages(len(book.sheet_names))
        for number, name in enumerate(book.sheet_names, start=1):
            if number > output.limits.pages:
                output.cut(Cut.PAGES)
                break
            output.text("\n".join(_rows(book, name)), page=number, label=name)


def _rows(book: Any, name: str) -> Iterator[str]:
    try:
        sheet = book.get_sheet_by_name(name)
    except calamine.WorksheetNotFound:  # a sheet of charts
        return
    yield name
    for row in sheet.iter_rows():
        cells = [_cell(value) for value in row]
        yield CELLS.join(filter(None, cells))


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
