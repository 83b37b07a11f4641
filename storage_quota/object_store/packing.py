"""Compression of stored JSON and pages with gzip (CONTRACT §6.3)."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

GZIP = "gzip"
PACKED_SUFFIXES = (".json", ".html", ".md", ".txt", ".xml")
_MAGIC = b"\x1f\x8b"


class NotUnpackable(ValueError):
    """The object exists, but its gzip content is damaged: trying again does not help."""


def pack(content: bytes, *, level: int) -> bytes:
    """Compress; without a timestamp inside, so the same content gives the same object."""
    return gzip.compress(content, compresslevel=level, mtime=0)


def json_bytes(document: Any) -> bytes:
    """Encode a document; keys are sorted, so equal documents give equal bytes."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


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
