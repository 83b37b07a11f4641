"""
Turns Tesseract's words into text: drops noise, replaces homoglyphs, keeps lines and paragraphs.

The thresholds were chosen on 33 pictures of known text (Russian and English pages, lines and
screenshots) and some 120 photos: real text reads at a mean confidence of 85 to 97, the worst
real line at 65 (spelling of before 1918), "text" seen in a photo below 60.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, zip_longest
from statistics import fmean

from vision.providers.ocr.boxes import NOWHERE, Box

LineKey = tuple[int, int, int]
"""Tesseract's numbers of block, paragraph and line."""

SURE = 70.0
"""Where no word of two letters or digits reaches this confidence, the picture has no text."""
LIKELY = 60.0
"""In a line below this mean, only words above it are kept; single signs always need it."""

_WORD_LEVEL = "5"
_COLUMNS = 12
_DOMINANT = 0.6
_LONG_WORD = 5
_SHORTEST_SURE_WORD = 2
_SHORTEST_STRAY_WORD = 3

_HOMOGLYPHS = str.maketrans("ABCEHKMOPTXYaceopxy", "АВСЕНКМОРТХУасеорху")
_HOMOGLYPHS_BACK = {cyrillic: latin for latin, cyrillic in _HOMOGLYPHS.items()}


@dataclass(frozen=True, slots=True)
class OcrWord:
    """`confidence` is 0 to 100; `box` is the word's place in the picture that was read."""

    text: str
    confidence: float
    line: LineKey
    box: Box = NOWHERE

    @property
    def size(self) -> int:
        """Letters and digits; 0 for a word made of signs."""
        return sum(map(str.isalnum, self.text))


def parse(tsv: str) -> list[OcrWord]:
    """Parse the words of Tesseract's TSV, in its reading order."""
    rows = (row.split("\t") for row in tsv.splitlines())
    return [
        _word(cells[11], float(cells[10]), *map(int, cells[2:5]), *map(int, cells[6:10]))
        for cells in rows
        if len(cells) == _COLUMNS and cells[0] == _WORD_LEVEL and cells[11].strip()
    ]


def readable(words: Sequence[OcrWord]) -> list[OcrWord]:
    """Return the words worth keeping, repaired; none where no word is certain (`SURE`)."""
    kept = [word for line in _lines(repaired(words)) for word in _keep(line)]
    sure = any(w.confidence >= SURE and w.size >= _SHORTEST_SURE_WORD for w in kept)
    return kept if sure else []


def repaired(words: Sequence[OcrWord]) -> list[OcrWord]:
    """
    Replace homoglyphs: letters of the other alphabet that look like one of the text's alphabet.

    With rus+eng, Tesseract reads `Мусор` as `Mycop`, and the pronoun I as a bar. Words of two
    to four letters keep their alphabet: too many of them are right (PC, HP).
    """
    cyrillic = sum(_is_cyrillic(char) for word in words for char in word.text)
    letters = sum(char.isalpha() for word in words for char in word.text)
    share = cyrillic / letters if letters else 0.0
    if share >= _DOMINANT:
        return [replace(w, text=_in_cyrillic(w.text)) for w in words]
    if share <= 1 - _DOMINANT and letters:
        return [replace(w, text=_in_latin(w.text)) for w in _with_pronouns(words)]
    return list(words)


def layout(words: Sequence[OcrWord]) -> str:
    """Join words to lines, with an empty line between paragraphs."""
    lines = [(line[0].line, " ".join(w.text for w in line)) for line in _lines(words)]
    text = lines[0][1] if lines else ""
    for (above, _), (below, line_text) in pairwise(lines):
        text += ("\n" if above[:2] == below[:2] else "\n\n") + line_text
    return text


def mean_confidence(words: Sequence[OcrWord]) -> float:
    return fmean(w.confidence for w in words) if words else 0.0


def weight(words: Sequence[OcrWord]) -> float:
    """Letters times confidence: of two runs on a picture, the one with more weight is right."""
    return sum(w.confidence * w.size for w in words)


def _word(text: str, confidence: float, *cells: int) -> OcrWord:
    block, paragraph, line, left, top, width, height = cells
    box = Box(left, top, left + width, top + height)
    return OcrWord(text, confidence, (block, paragraph, line), box)


def _lines(words: Sequence[OcrWord]) -> Iterator[list[OcrWord]]:
    for _, line in groupby(words, key=lambda w: w.line):
        yield list(line)


def _keep(line: list[OcrWord]) -> list[OcrWord]:
    if not any(w.size for w in line):
        return []
    length = sum(len(w.text) for w in line)
    clear = sum(w.confidence * len(w.text) for w in line) >= LIKELY * length
    return [w for w in line if _is_likely(w) or (clear and w.size)]


def _is_likely(word: OcrWord) -> bool:
    if word.confidence < LIKELY:
        return False
    return word.size >= _SHORTEST_STRAY_WORD or word.confidence >= SURE


def _is_cyrillic(char: str) -> bool:
    return "\u0400" <= char <= "\u04ff"


def _in_cyrillic(text: str) -> str:
    letters = [char for char in text if char.isalpha()]
    convertible = all(_is_cyrillic(char) or ord(char) in _HOMOGLYPHS for char in letters)
    mixed = any(map(_is_cyrillic, letters))
    unmistakable = mixed or len(letters) == 1 or len(letters) >= _LONG_WORD
    return text.translate(_HOMOGLYPHS) if convertible and unmistakable else text


def _with_pronouns(words: Sequence[OcrWord]) -> Iterator[OcrWord]:
    """Replace a bar before an English word in lower case by the pronoun I."""
    for word, following in zip_longest(words, words[1:]):
        same_line = following is not None and following.line == word.line
        is_pronoun = word.text == "|" and same_line and following.text.rstrip(",.;").islower()
        yield replace(word, text="I") if is_pronoun else word


def _in_latin(text: str) -> str:
    cyrillic = [char for char in text if _is_cyrillic(char)]
    convertible = all(ord(char) in _HOMOGLYPHS_BACK for char in cyrillic)
    return text.translate(_HOMOGLYPHS_BACK) if convertible else text
