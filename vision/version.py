"""The version of the analysis, which tags, caches and re-analyses compare."""

import re
from typing import NamedTuple

VISION_VERSION = "vision@2026-11-26#p1"
"""Raise the number when a changed prompt, rule or provider changes what is found in pictures."""

_PATTERN = re.compile(r"vision@(\d{4})-(\d{2})-(\d{2})#p(\d+)")


class Version(NamedTuple):
    """A version as numbers, by which versions are ordered: `#p10` is newer than `#p9`."""

    year: int
    month: int
    day: int
    step: int


def parse(text: str) -> Version | None:
    found = _PATTERN.fullmatch(text)
    return Version(*map(int, found.groups())) if found else None
