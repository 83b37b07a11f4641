"""The format of a file, by its bytes: names and senders may be wrong."""

import zipfile
from enum import StrEnum
from pathlib import Path
from typing import Final

from vision.documents.findings import Refusal, Refused

HEAD: Final = 1024
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NOT_READ: Final = (
    b"{\\rtf",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"MZ",
    b"\x7fELF",
    b"BZh",
    b"\xfd7zXZ",
)
_MOST_ENTRIES: Final = 10_000


class Format(StrEnum):
    PDF = "pdf"
    WORD = "docx"
    SLIDES = "pptx"
    TABLES = "xlsx"
    TEXT = "text"


_PARTS: Final = {
    "word/document.xml": Format.WORD,
    "ppt/presentation.xml": Format.SLIDES,
    "xl/workbook.xml": Format.TABLES,
    "xl/workbook.bin": Format.TABLES,
}
_ODS: Final = b"application/vnd.oasis.opendocument.spreadsheet"


def format_of(path: Path, *, unpacked_bytes: int) -> Format:
    """The format of a file that is worth reading. Raises Refused."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise Refused(Refusal.EMPTY)
    if b"%PDF-" in head:
        return Format.PDF
    if head.startswith(b"PK\x03\x04"):
        return _of_archive(path, unpacked_bytes=unpacked_bytes)
    if head.startswith(_OLE):
        return _of_compound(path)
    if head.startswith(_NOT_READ):
        raise Refused(Refusal.FORMAT_NOT_READ)
    return Format.TEXT


def _of_archive(path: Path, *, unpacked_bytes: int) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            found = _format_in(archive)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Refused(Refusal.BROKEN, str(error)) from error
    if found is None:
        raise Refused(Refusal.FORMAT_NOT_READ)
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused(Refusal.ENCRYPTED)
    size = sum(entry.file_size for entry in entries)
    if size > unpacked_bytes or len(entries) > _MOST_ENTRIES:
        raise Refused(Refusal.UNPACKS_TOO_LARGE, f"{size} bytes in {len(entries)} files")
    return found


def _format_in(archive: zipfile.ZipFile) -> Format | None:
    names = {name.lstrip("/") for name in archive.namelist()}
    for part, name in _PARTS.items():
        if part in names:
            return name
    if "mimetype" in names and archive.getinfo("mimetype").file_size < HEAD:
        return Format.TABLES if archive.read("mimetype").strip() == _ODS else None
    return None


def _of_compound(path: Path) -> Format:
    """An older format of offices, or a newer one that is encrypted; names in it are UTF-16."""
    raw = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in raw:
        raise Refused(Refusal.ENCRYPTED)
    if "Workbook".encode("utf-16-le") in raw:
        return Format.TABLES
    raise Refused(Refusal.FORMAT_NOT_READ)
