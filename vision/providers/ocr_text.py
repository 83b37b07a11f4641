"""
What Tesseract saw, made into text: noise dropped, look-alike letters repaired, lines kept.

The thresholds were chosen on 33 pictures of known text (Russian and English pages, lines and
screenshots) and some 120 photos: real text reads at a mean confidence of 85 to 97, the worst
real line at 65 (spelling of before 1918), "text" seen in a photo below 60.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, zip_longest
from statistics import fmean

SURE = 70.0
"""A text without one word this sure, of two letters or digits at least, is no text."""
LIKELY = 60.0
"""A line below this mean keeps only its likely words; so does any line its stray signs."""

_WORD_LEVEL = "5"
_COLUMNS = 12
_DOMINANT = 0.6
_LONG_WORD = 5
_SHORTEST_SURE_WORD = 2
_SHORTEST_STRAY_WORD = 3

_TWINS = str.maketrans("ABCEHKMOPTXYaceopxy", "АВСЕНКМОРТХУасеорху")
_TWINS_BACK = {cyrillic: latin for latin, cyrillic in _TWINS.items()}


@dataclass(frozen=True, slots=True)
class Word:
    """`line` is Tesseract's (block, paragraph, line); `confidence` 0 to 100."""

    text: str
    confidence: float
    line: tuple[int, int, int]

    @property
    def size(self) -> int:
        """Letters and digits; 0 for a word made of signs."""
        return sum(map(str.isalnum, self.text))


def parse(tsv: str) -> list[Word]:
    """The words of Tesseract's TSV, in its reading order."""
    rows = (row.split("\t") for row in tsv.splitlines())
    return [
        Word(cells[11], float(cells[10]), (int(cells[2]), int(cells[3]), int(cells[4])))
        for cells in rows
        if len(cells) == _COLUMNS and cells[0] == _WORD_LEVEL and cells[11].strip()
    ]


def readable(words: Sequence[Word]) -> list[Word]:
    """The words worth keeping, repaired; none at all where nothing is surely text."""
    kept = [word for line in _lines(repaired(words)) for word in _of_line(line)]
    sure = any(w.confidence >= SURE and w.size >= _SHORTEST_SURE_WORD for w in kept)
    return kept if sure else []


def repaired(words: Sequence[Word]) -> list[Word]:
    """
    Letters of the other alphabet that look the same are given back to the text's own.

    With rus+eng Tesseract reads `Мусор` as `Mycop`, and the pronoun I as a bar. Words of two
    to four letters keep their alphabet (PC, HP): too many of them are right.
    """
    cyrillic = sum(_is_cyrillic(char) for word in words for char in word.text)
    letters = sum(char.isalpha() for word in words for char in word.text)
    share = cyrillic / letters if letters else 0.0
    if share >= _DOMINANT:
        return [replace(w, text=_in_cyrillic(w.text)) for w in words]
    if share <= 1 - _DOMINANT and letters:
        return [replace(w, text=_in_latin(w.text)) for w in _with_pronouns(words)]
    return list(words)


def layout(words: Sequence[Word]) -> str:
    """Words to lines, an empty line between paragraphs."""
    lines = [(line[0].line, " ".join(w.text for w in line)) for line in _lines(words)]
    text = lines[0][1] if lines else ""
    for (above, _), (below, line_text) in pairwise(lines):
        text += ("\n" if above[:2] == below[:2] else "\n\n") + line_text
    return text


def mean_confidence(words: Sequence[Word]) -> float:
    return fmean(w.confidence for w in words) if words else 0.0


def weight(words: Sequence[Word]) -> float:
    """How much was read and how surely: of two looks at a picture the heavier one is right."""
    return sum(w.confidence * w.size for w in words)


def _lines(words: Sequence[Word]) -> Iterator[list[Word]]:
    for _, line in groupby(words, key=lambda w: w.line):
        yield list(line)


def _of_line(line: list[Word]) -> list[Word]:
    if not any(w.size for w in line):
        return []
    length = sum(len(w.text) for w in line)
    clear = sum(w.confidence * len(w.text) for w in line) >= LIKELY * length
    return [w for w in line if _is_likely(w) or (clear and w.size)]


def _is_likely(word: Word) -> bool:
    if word.confidence < LIKELY:
        return False
    return word.size >= _SHORTEST_STRAY_WORD or word.confidence >= SURE


def _is_cyrillic(char: str) -> bool:
    return "\u0400" <= char <= "\u04ff"


def _in_cyrillic(text: str) -> str:
    letters = [char for char in text if char.isalpha()]
    twins = all(_is_cyrillic(char) or ord(char) in _TWINS for char in letters)
    mixed = any(map(_is_cyrillic, letters))
    unmistakable = mixed or len(letters) == 1 or len(letters) >= _LONG_WORD
    return text.translate(_TWINS) if twins and unmistakable else text


def _with_pronouns(words: Sequence[Word]) -> Iterator[Word]:
    """A bar before an English word in lower case is an I."""
    for word, following in zip_longest(words, words[1:]):
        same_line = following is not None and following.line == word.line
        is_pronoun = word.text == "|" and same_line and following.text.rstrip(",.;").islower()
        yield replace(word, text="I") if is_pronoun else word


def _in_latin(text: str) -> str:
    cyrillic = [char for char in text if _is_cyrillic(char)]
    all_twins = all(ord(char) in _TWINS_BACK for char in cyrillic)
    return text.translate(_TWINS_BACK) if all_twins else text
