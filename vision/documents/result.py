"""The outcome of a reading in the words that are stored: a pure function."""

from dataclasses import dataclass
from hashlib import sha256

from vision.documents.findings import Refusal
from vision.documents.process import Part, Reading
from vision.models import ReadingOutcome

READ, RECOGNIZED, NO_TEXT = "document_read", "document_recognized", "document_without_text"
_NOTHING_TO_READ = frozenset({Refusal.FORMAT_NOT_READ, Refusal.EMPTY})
"""Nobody has to do anything about these: they are skipped, not failed."""


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """
    What is stored of a reading.

    `details` names further cuts, or says in the words of a library what was wrong.
    """

    outcome: ReadingOutcome
    reason: str
    details: str = ""
    format: str = ""
    pages: int | None = None
    recognized: int = 0
    parts: tuple[Part, ...] = ()
    seconds: float = 0.0

    @property
    def chars(self) -> int:
        return sum(len(part.text) for part in self.parts)

    @property
    def text_hash(self) -> str:
        text = "\0".join(f"{part.page}:{part.text}" for part in self.parts)
        return sha256(text.encode("utf-8", "replace")).hexdigest() if self.parts else ""


def result_of(reading: Reading, *, recognized: int = 0, seconds: float = 0.0) -> DocumentResult:
    outcome, reason, details = _judged(reading, recognized)
    return DocumentResult(
        outcome=outcome,
        reason=reason,
        details=details[:200],
        format=reading.format,
        pages=reading.pages,
        recognized=recognized,
        parts=tuple(reading.parts),
        seconds=seconds,
    )


def refused(refusal: Refusal, details: str = "") -> DocumentResult:
    return result_of(Reading(refusal=refusal, detail=details))


def _judged(reading: Reading, recognized: int) -> tuple[ReadingOutcome, str, str]:
    if reading.refusal:
        if reading.parts:  # what was read until then is kept
            return ReadingOutcome.PARTIAL, reading.refusal, reading.detail
        is_skipped = reading.refusal in _NOTHING_TO_READ
        outcome = ReadingOutcome.SKIPPED if is_skipped else ReadingOutcome.FAILED
        return outcome, reading.refusal, "" if is_skipped else reading.detail
    if reading.cuts:
        first, *others = reading.cuts
        outcome = ReadingOutcome.PARTIAL if reading.parts else ReadingOutcome.FAILED
        return outcome, first, ", ".join(others)
    if not reading.parts:
        return ReadingOutcome.SKIPPED, NO_TEXT, ""
    return ReadingOutcome.ANALYZED, RECOGNIZED if recognized else READ, ""
