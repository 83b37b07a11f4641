"""The characters of a query that count, and where in the text each of them stands."""

import unicodedata
from dataclasses import dataclass

QUOTES = {'"': '"', "«": "»", "“": "”", "„": "“”", "「": "」"}
"""What closes a phrase, by what opens it."""
ANY_QUOTE = frozenset("".join((*QUOTES, *QUOTES.values())))
_SYNTAX = str.maketrans("：﹕＃﹟－﹣−＂", '::##---"')
_JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"


@dataclass(frozen=True, slots=True)
class Characters:
    """
    `text` without invisible characters; `syntax` the same with plain `:`, `#`, `-` and quotes in
    place of wide ones, to find out what is meant, of the same length. `offsets` are the places in
    the original.
    """

    text: str
    syntax: str
    offsets: tuple[int, ...]

    def written(self, start: int, end: int) -> str:
        """What stands there, NFC, on one line with single spaces."""
        return " ".join(unicodedata.normalize("NFC", self.text[start:end]).split())

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where that is in the original, which has at least one character of it."""
        return self.offsets[start], self.offsets[end - 1] + 1

    def is_quote(self, at: int) -> bool:
        return self.syntax[at] in ANY_QUOTE

    def closing_quote(self, at: int) -> int | None:
        """
        The quote that closes the one at `at`; None if there is no quote that opens, or none closes.

        After a letter or digit, " means inches or an apostrophe.
        """
        opening = self.syntax[at : at + 1]
        if opening not in QUOTES or (opening == '"' and at and is_of_word(self.text[at - 1])):
            return None
        found = [self.syntax.find(closing, at + 1) for closing in QUOTES[opening]]
        return min((place for place in found if place >= 0), default=None)


def read_characters(text: str) -> Characters:
    """
    Leave out what cannot be seen: zero-width characters, marks of direction, soft hyphens.

    Control characters (NUL) and halves of surrogate pairs, which no database takes, are spaces.
    """
    kept: list[str] = []
    offsets: list[int] = []
    for offset, char in enumerate(text):
        category = unicodedata.category(char)
        if category == "Cf" and not _joins_emoji(char, kept[-1:], text[offset + 1 : offset + 2]):
            continue
        kept.append(" " if category in {"Cc", "Cs"} else char)
        offsets.append(offset)
    plain = "".join(kept)
    return Characters(plain, plain.translate(_SYNTAX), tuple(offsets))


def _joins_emoji(char: str, before: list[str], after: str) -> bool:
    """Without its joiners, a family is three people."""
    if char != _JOINER or not before or not after or unicodedata.category(after) != "So":
        return False
    return before[0] == _EMOJI_STYLE or unicodedata.category(before[0]) in {"So", "Sk"}


def is_of_word(char: str) -> bool:
    """Letters, digits, the underscore, and the marks that are written on letters."""
    return char == "_" or unicodedata.category(char)[0] in "LNM"


def can_be_found(text: str) -> bool:
    """Whether there is more than punctuation: a letter, a digit or an emoji."""
    return any(unicodedata.category(char)[0] in "LN" or _is_emoji(char) for char in text)


def _is_emoji(char: str) -> bool:
    return unicodedata.category(char) == "So"


def syntax_of(text: str) -> str:
    """The text with plain signs in place of wide ones."""
    return text.translate(_SYNTAX)
