"""Compression of stored JSON and pages with gzip (CONTRACT §6.3)."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

GZIP = "gzip"
PACKED_SUFFIXES = (".json", ".html", ".md", ".txt", ".xml")
CRAWL_FOLDER = "crawl/"
_MAGIC = b"\x1f\x8b"
_TEXT_TYPES = ("application/json", "application/xml", "application/xhtml+xml")


class PageNotPacked(ValueError):
    """A crawled page was to be stored as it is; `services.put_text` compresses it."""


class NotUnpackable(ValueError):
    """The object exists, but its gzip content is damaged: trying again does not help."""


def pack(content: bytes, *, level: int) -> bytes:
    """Compress; without a timestamp inside, so the same content gives the same object."""
    return gzip.compress(content, compresslevel=level, mtime=0)


def json_bytes(document: Any) -> bytes:
    """Encode a document; keys are sorted, so equal documents give equal bytes."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def refuse_plain_page(
    key: str, body: bytes | BinaryIO, *, mime: str, content_encoding: str
) -> None:
    """
    Raise PageNotPacked if `body` is text of a crawled page that is not gzip.

    Compression of what is crawled is compulsory (CONTRACT §6.1), whatever the settings say.
    """
    if not key.startswith(CRAWL_FOLDER) or not (key.endswith(PACKED_SUFFIXES) or _is_text(mime)):
        return
    if content_encoding != GZIP or _first_bytes(body) != _MAGIC:
        raise PageNotPacked(f"{key} is not compressed")


def encoding_of(key: str, head: bytes) -> str:
    """
    Recognize gzip by the first two bytes, for a store that keeps no headers.

    Only for keys of text: no text begins with gzip's magic number, while a medium may be a gzip
    file that has to stay one.
    """
    return GZIP if key.endswith(PACKED_SUFFIXES) and head[:2] == _MAGIC else ""


@contextmanager
def unpacked(file: BinaryIO, *, content_encoding: str) -> Iterator[BinaryIO]:
    if content_encoding != GZIP:
        yield file
        return
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as plain:
            yield cast("BinaryIO", plain)
    except (gzip.BadGzipFile, zlib.error, EOFError) as exc:
        raise NotUnpackable(f"what is stored is not whole: {exc}") from exc


def _is_text(mime: str) -> bool:
    plain = mime.partition(";")[0].strip().lower()
    return plain.startswith("text/") or plain in _TEXT_TYPES


def _first_bytes(body: bytes | BinaryIO) -> bytes:
    if isinstance(body, bytes):
        return body[: len(_MAGIC)]
    start = body.tell()
    head = body.read(len(_MAGIC))
    body.seek(start)
    return head
