"""What the reading process reports, line by line: the words of both sides."""

from enum import StrEnum


class Refusal(StrEnum):
    """Why a document, or the rest of it, was not read. `vision.reasons` has the sentences."""

    FORMAT_NOT_READ = "format_not_read"
    UNKNOWN_ENCODING = "unknown_encoding"
    ENCRYPTED = "encrypted_document"
    BROKEN = "broken_document"
    EMPTY = "empty_document"
    TOO_LARGE = "file_too_large"
    UNPACKS_TOO_LARGE = "unpacks_too_large"
    TOO_MUCH_MEMORY = "too_much_memory"
    TOO_SLOW = "reading_too_slow"
    CRASHED = "reader_crashed"
    MISSING = "s3_missing"
    GIVEN_UP = "reading_given_up"


class Cut(StrEnum):
    """Why only a part of a document was read."""

    PAGES = "cut_pages"
    CHARS = "cut_chars"
    SCANS = "cut_scans"
    TIME = "cut_time"
    DAMAGE = "cut_damage"


class Refused(Exception):
    """The document is not read; `reason` says why."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(detail or reason.value)
        self.reason = reason
