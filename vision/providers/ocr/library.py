"""
Tesseract's library in a process of its own, which loads the languages once: a run by itself, not
an import, so that nothing but the standard library has to be loaded either.

`python library.py LANGUAGES` answers on stdout, each time with a length and so many bytes: first
the version, then for each picture on stdin (three numbers and its pixels) Tesseract's TSV. A length
of FAILED has no bytes after it. Ends with stdin, or after IDLE_SECONDS without a picture.
"""

import ctypes
import math
import os
import select
import signal
import struct
import sys
from typing import Any, Final

PICTURE: Final = struct.Struct(">III")
"""Channels (1 is gray, 3 is RGB), width and height."""
LENGTH: Final = struct.Struct(">I")
FAILED: Final = 2**32 - 1
IDLE_SECONDS: Final = 60.0
"""A process takes 60 to 100 MB, which is not held for pictures that do not come."""

_NAMES: Final = ("libtesseract.so.5", "libtesseract.so.4", "libtesseract.5.dylib")
_AUTO: Final = 3
"""Page segmentation of the program by default; that of the library is another one."""


def main(languages: str) -> int:
    # The terminal's interrupt is meant for the parent, which ends this process by closing stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    library = _loaded()
    tesseract = library.TessBaseAPICreate()
    if library.TessBaseAPIInit3(tesseract, None, languages.encode()):
        return 1
    library.TessBaseAPISetPageSegMode(tesseract, _AUTO)
    _answer(library.TessVersion())
    while select.select([0], [], [], IDLE_SECONDS)[0] and (head := _read(PICTURE.size)):
        shape = PICTURE.unpack(head)
        _answer(_tsv(library, tesseract, _read(math.prod(shape)), shape))
    return 0


def _loaded() -> Any:
    library = _first_of(_NAMES)
    library.TessBaseAPICreate.restype = ctypes.c_void_p
    library.TessVersion.restype = ctypes.c_char_p
    library.TessBaseAPIInit3.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    library.TessBaseAPISetPageSegMode.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.TessBaseAPISetImage.argtypes = [ctypes.c_void_p, ctypes.c_char_p, *[ctypes.c_int] * 4]
    library.TessBaseAPIRecognize.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    # No c_char_p: ctypes would make bytes of it, and nobody could free the text.
    library.TessBaseAPIGetTsvText.restype = ctypes.c_void_p
    library.TessBaseAPIGetTsvText.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.TessDeleteText.argtypes = [ctypes.c_void_p]
    library.TessBaseAPIClear.argtypes = [ctypes.c_void_p]
    library.TessBaseAPIClearAdaptiveClassifier.argtypes = [ctypes.c_void_p]
    return library


def _first_of(names: tuple[str, ...]) -> Any:
    for name in names[:-1]:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return ctypes.CDLL(names[-1])


def _tsv(library: Any, tesseract: Any, pixels: bytes, shape: tuple[int, ...]) -> bytes | None:
    """The words of a picture; `shape` is as in PICTURE."""
    channels, width, height = shape
    library.TessBaseAPISetImage(tesseract, pixels, width, height, channels, channels * width)
    try:
        if library.TessBaseAPIRecognize(tesseract, None):
            return None
        text = library.TessBaseAPIGetTsvText(tesseract, 0)
        if not text:
            return None
        try:
            return ctypes.string_at(text)
        finally:
            library.TessDeleteText(text)
    finally:
        # Each picture is read as if it were the first.
        library.TessBaseAPIClear(tesseract)
        library.TessBaseAPIClearAdaptiveClassifier(tesseract)


def _read(size: int) -> bytes:
    """So many bytes of stdin; fewer where it ends."""
    parts, left = [], size
    while left and (part := os.read(0, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts) if not left else b""


def _answer(text: bytes | None) -> None:
    answer = LENGTH.pack(FAILED) if text is None else LENGTH.pack(len(text)) + text
    with open(1, "wb", closefd=False) as out:
        out.write(answer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
