"""PDF, by PDFium: the text layer, and pictures of the pages that have none."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from vision.documents.findings import Cut, Refusal, Refused
from vision.documents.reading.output import Output

MIN_LETTERS: Final = 16
"""A page with fewer has no text layer to speak of: a page number, a stamp."""
_DPI: Final = 200
_MAX_SIDE: Final = 3600
_POINTS: Final = 72
_UNREADABLE: Final = 0.2
_HYPHENS: Final = re.compile(r"(?<=[^\W\d_])[\u00ad\ufffe\x02]\s*(?=[^\W\d_])")
_BROKEN_WORD: Final = re.compile(r"(?<=[a-zа-яё])-\r?\n(?=[a-zа-яё])")


def read(path: Path, folder: Path, output: Output) -> None:
    """Read the text of all pages first: recognition of scans takes longer than everything else."""
    document = _opened(path)
    count = len(document)
    output.pages(count)
    if count > output.limits.pages:
        output.cut(Cut.PAGES)
    scanned = []
    for number in range(min(count, output.limits.pages)):
        text, is_scan = _text_of(document, number, output)
        if is_scan:
            scanned.append(number)
        else:
            output.text(text, page=number + 1)
    _draw(document, scanned, folder, output)


def _opened(path: Path) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code in {pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY}:
            raise Refused(Refusal.ENCRYPTED) from error
        raise Refused(Refusal.BROKEN, str(error)) from error


def _text_of(document: pdfium.PdfDocument, number: int, output: Output) -> tuple[str, bool]:
    """The text of a page, and whether the page is a picture of a text."""
    try:
        page = document[number]
        text = joined_words(page.get_textpage().get_text_bounded())
        is_scan = not has_text(text) and _has_picture(page)
        page.close()
    except pdfium.PdfiumError:  # one damaged page of a document
        output.cut(Cut.DAMAGE)
        return "", False
    return text, is_scan


def joined_words(text: str) -> str:
    """A text whose words are not broken at the ends of lines."""
    return _BROKEN_WORD.sub("", _HYPHENS.sub("", text))


def has_text(text: str) -> bool:
    """Whether a text layer can be read: fonts without a table of letters give no letters."""
    letters = sum(c.isalpha() for c in text)
    unreadable = sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" for c in text)
    return letters >= MIN_LETTERS and unreadable <= _UNREADABLE * len(text)


def _has_picture(page: Any) -> bool:
    kinds = (pdfium_c.FPDF_PAGEOBJ_IMAGE, pdfium_c.FPDF_PAGEOBJ_FORM, pdfium_c.FPDF_PAGEOBJ_PATH)
    return any(True for _ in page.get_objects(filter=kinds, max_depth=2))


def _draw(document: pdfium.PdfDocument, numbers: list[int], folder: Path, output: Output) -> None:
    if len(numbers) > output.limits.ocr_pages:
        output.cut(Cut.SCANS)
    for number, name in _drawn(document, numbers[: output.limits.ocr_pages], folder):
        output.picture(name, page=number + 1)


def _drawn(
    document: pdfium.PdfDocument, numbers: list[int], folder: Path
) -> Iterator[tuple[int, str]]:
    for number in numbers:
        page = document[number]
        side = max(*page.get_size(), 1)
        scale = min(_DPI / _POINTS, _MAX_SIDE / side)
        picture = page.render(scale=scale, grayscale=True).to_pil()
        name = f"page-{number + 1}.png"
        picture.save(folder / name, "PNG", compress_level=1)
        page.close()
        yield number, name
