"""
The text of bytes whose encoding nothing names: that in which they read best, if they clearly do.

Readings of the same bytes are compared by their likelihood. Where two that differ are about as
likely, or none is likely, nothing is read: garbage would be found by words that nobody wrote.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final
from unicodedata import normalize

from vision.documents.reading import alphabets
from vision.documents.reading.likelihood import of_ascii, of_characters, of_latin, of_script

_SAMPLE: Final = 8192
_BEFORE: Final = 200
_FEW: Final = 1 / 200
_RARE: Final = -4.0
MARGIN: Final = 4.0
"""By which the best reading is ahead: 50 times as likely as the next."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    An encoding, and how likely texts in it are.

    `worst`: what a text has at least for each of its characters that are not in ASCII, as measured on
    texts of 20 letters and more. `usual` is what more files speak for it.
    """

    codec: str
    likelihood: Callable[[str], float]
    worst: float
    usual: float = 0.0


def _of_script(
    languages: tuple[str, ...], *codecs: str, worst: float = -4.7, usual: float = 0.0
) -> list[Candidate]:
    likelihood = partial(of_script, languages=languages)
    return [Candidate(codec, likelihood, worst, usual) for codec in codecs]


def _of_latin(
    languages: tuple[str, ...], *codecs: str, worst: float = -6.5, usual: float = 0.0
) -> list[Candidate]:
    likelihood = partial(of_latin, languages=languages)
    return [Candidate(codec, likelihood, worst, usual) for codec in codecs]


def _of_characters(codec: str, characters: str) -> Candidate:
    return Candidate(codec, partial(of_characters, encoding=characters), -9.0)


CANDIDATES: Final = (
    *_of_script(alphabets.CYRILLIC, "cp1251", usual=3.0),
    *_of_script(alphabets.CYRILLIC, "koi8_r", "cp866", usual=2.0),
    *_of_script(alphabets.CYRILLIC, "koi8_u", "iso8859_5"),
    *_of_script(alphabets.CYRILLIC, "mac_cyrillic", usual=_RARE),
    *_of_script(alphabets.GREEK, "cp1253", "iso8859_7"),
    *_of_script(alphabets.HEBREW, "cp1255"),
    *_of_script(alphabets.ARABIC, "cp1256"),
    *_of_script(alphabets.ARABIC, "iso8859_6", usual=_RARE),
    *_of_script(alphabets.THAI, "cp874", worst=-5.6),
    *_of_latin(alphabets.WESTERN, "cp1252", usual=2.0),
    *_of_latin(alphabets.WESTERN, "cp850"),
    *_of_latin(alphabets.WESTERN, "mac_roman", usual=_RARE),
    *_of_latin(alphabets.CENTRAL, "cp1250", "iso8859_2", "cp852"),
    *_of_latin(alphabets.TURKISH, "cp1254"),
    *_of_latin(alphabets.BALTIC, "cp1257"),
    *_of_latin(alphabets.VIETNAMESE, "cp1258", worst=-8.0),
    _of_characters("gb18030", "gb2312"),
    _of_characters("big5", "big5"),
    _of_characters("cp932", "euc_jp"),
    _of_characters("euc_jp", "euc_jp"),
    _of_characters("cp949", "euc_kr"),
)


def text_of(raw: bytes) -> str | None:
    """The text of these bytes; None where its encoding cannot be told with confidence."""
    best, *others = _ranked(_sample(raw))
    if any(best.likelihood - one.likelihood < MARGIN and one.is_other(best) for one in others):
        return None
    return _decoded(raw, best.candidate) if best.is_likely else None


@dataclass(frozen=True, slots=True)
class _Reading:
    candidate: Candidate
    text: str
    likelihood: float

    @property
    def is_likely(self) -> bool:
        foreign = sum(not char.isascii() for char in self.text)
        likelihood = self.likelihood - self.candidate.usual - of_ascii(self.text)
        return likelihood >= self.candidate.worst * foreign

    def is_other(self, reading: "_Reading") -> bool:
        """Whether more than a few signs differ, as two of a family of encodings do."""
        if len(self.text) != len(reading.text):
            return True
        same = sum(a == b for a, b in zip(self.text, reading.text, strict=True))
        return len(self.text) - same > _FEW * len(self.text)


def _sample(raw: bytes) -> bytes:
    """A part with characters that tell encodings apart, from the beginning of a line."""
    first = next((at for at, byte in enumerate(raw) if byte > 0x7F), 0)  # noqa: PLR2004
    start = raw.rfind(b"\n", 0, first) + 1
    start = max(start, first - _BEFORE)
    return raw[start : start + _SAMPLE]


def _ranked(sample: bytes) -> list[_Reading]:
    """Different readings, the likeliest first; of candidates that read the same, the likelier."""
    found: dict[str, _Reading] = {}
    for candidate in CANDIDATES:
        text = _decoded(sample, candidate)
        reading = _Reading(candidate, text, candidate.likelihood(text) + candidate.usual)
        if text not in found or found[text].likelihood < reading.likelihood:
            found[text] = reading
    return sorted(found.values(), key=lambda one: one.likelihood, reverse=True)


def _decoded(raw: bytes, candidate: Candidate) -> str:
    text = raw.decode(candidate.codec, "replace")
    return (
        normalize("NFC", text) if candidate.codec == "cp1258" else text
    )  # its accents stand alone
