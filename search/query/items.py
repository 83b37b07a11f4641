"""The parts of which a query consists: what `parse` collects and `print_query` writes."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of parts, with the name of the field that has its values."""

    TERM = "terms"
    PHRASE = "phrases"
    TAG = "tags"
    CHANNEL = "channels"
    ALBUM = "albums"
    AUTHOR = "authors"
    STATE = "states"
    FILE = "files"
    PART = "parts"
    LANGUAGE = "languages"
    LABEL = "labels"
    CLASS = "classes"
    CATEGORY = "categories"
    FROM = "posted_from"
    BEFORE = "posted_before"
    PERIOD = "periods"


WORDS = (Kind.TERM, Kind.PHRASE, Kind.TAG)
MOMENTS = (Kind.FROM, Kind.BEFORE)
LISTS = tuple(kind for kind in Kind if kind not in (*WORDS, *MOMENTS))


@dataclass(frozen=True, slots=True)
class Item:
    """A word, phrase, tag or condition; `value` has the type of its field in `parsed`."""

    kind: Kind
    value: object
    negated: bool = False
