"""Gzip at the store's edge: JSON and pages are kept packed (CONTRACT §6.3)."""

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
    """The object is there, and damaged: no fault of the store's, so nothing to try again."""


def pack(content: bytes, *, level: int) -> bytes:
    """Without a time of packing: the same content gives the same object."""
    return gzip.compress(content, compresslevel=level, mtime=0)


def json_bytes(document: Any) -> bytes:
    """One document, one text: sorted, without blanks."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def encoding_of(key: str, head: bytes) -> str:
    """
    What a store that keeps no headers can tell from the first two bytes.

    Only for keys of text: there is no text that starts with gzip's magic, while a
    medium may well be a gzip file that has to stay one.
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
