"""
Counts the scans of a JPEG: each of them makes the decoder go through the whole picture again.

A scan of nothing takes 60 bytes, so a file of 15 MB can keep a decoder busy for hours.
"""

import re
from typing import Final

MAX_SCANS: Final = 100
"""What libtiff allows for a JPEG inside of a TIFF; encoders write some ten of them."""
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH: Final = {0x01, *range(0xD0, 0xD9)}
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
"""In compressed pixels a byte of 255 is followed by a zero, so only markers match."""


def has_too_many(image: bytes) -> bool:
    """Whether the first picture in the file has more than MAX_SCANS."""
    # What looks like scans may be anything inside of metadata, or behind the picture.
    return image.count(b"\xff\xda") > MAX_SCANS and _scans(image) > MAX_SCANS


def _scans(image: bytes) -> int:
    """How many scans come before the end mark, MAX_SCANS + 1 at most."""
    found, at = 0, 2
    while found <= MAX_SCANS and (marker := _MARKER.search(image, at)):
        kind, at = marker[1][0], marker.end()
        if kind == _END_OF_IMAGE:
            break
        found += kind == _START_OF_SCAN
        if kind not in _WITHOUT_LENGTH:
            at += max(2, int.from_bytes(image[at : at + 2], "big"))
    return found
