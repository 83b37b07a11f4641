"""Words of queries: which say nothing, and which were meant. Pure functions."""

from collections.abc import Iterable
from typing import Final

STOP_WORDS: Final = frozenset(
    """
    почему зачем отчего какой какая какое какие какого какую каких который которая которое которые
    это эта этот эти этого является ли ваш наш свой чей сколько откуда куда
    what which who whom whose why how when where does did is are
    """.split()  # noqa: SIM905 - forty quoted words are not read by anybody
)
"""Words of questions that `russian` keeps: they are in many posts and say nothing of their topic."""

_LATIN_KEYS: Final = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
_RUSSIAN_KEYS: Final = "йцукенгшщзхъфывапролджэячсмитьбюё"
"""What the same keys of a keyboard type in either layout."""
_SWITCHED: Final = (
    str.maketrans(_LATIN_KEYS, _RUSSIAN_KEYS),
    str.maketrans(_RUSSIAN_KEYS, _LATIN_KEYS),
)
_MIN_SWITCHED: Final = 3
_AFTER_A_WORD: Final = ",.;:!?"

MIN_CORRECTED = 4
MOST_CORRECTIONS = 3
_LONG = 8
_SAME_START, _ALIKE, _SIMILAR = 4, 0.45, 0.3


def corrections(word: str, vocabulary: Iterable[str]) -> list[str]:
    """
    The words of `vocabulary` that were probably meant by `word`, nearest first.

    They have its first letter, and differ by one edit, from 8 letters on by two; exchanging two
    neighbors is one edit. Words with the same first 4 letters may differ more. The thresholds are
    those measured with the relevance set (PGX in its README).
    """
    if len(word) < MIN_CORRECTED:
        return []
    grams, letters = trigrams(word), sorted(word)
    allowed = 2 if len(word) >= _LONG else 1
    found = []
    for other in vocabulary:
        if other[:1] != word[:1] or other == word:
            continue
        same_start = other[:_SAME_START] == word[:_SAME_START]
        if not same_start and abs(len(other) - len(word)) > allowed:
            continue
        alike = similarity(grams, trigrams(other))
        # An exchange changes half of the trigrams of a short word, and none of its letters.
        if alike < _SIMILAR and (len(other) != len(word) or sorted(other) != letters):
            continue
        edits = distance(word, other)
        near_start = same_start and alike >= _ALIKE
        if edits <= allowed or near_start:
            found.append((edits, -alike, other))
    return [other for _, _, other in sorted(found)[:MOST_CORRECTIONS]]


def trigrams(word: str) -> frozenset[str]:
    """All runs of three characters, the word padded as pg_trgm does."""
    padded = f"  {word} "
    return frozenset([padded[i : i + 3] for i in range(len(padded) - 2)])


def similarity(first: frozenset[str], second: frozenset[str]) -> float:
    common = len(first & second)
    return common / (len(first) + len(second) - common)


def distance(first: str, second: str) -> int:
    """The edits between two words: insert, delete, replace, exchange two neighbors."""
    before: list[int] = []
    last = list(range(len(second) + 1))
    for i, letter in enumerate(first, start=1):
        row = [i]
        for j, other in enumerate(second, start=1):
            best = min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]


def in_the_other_layout(word: str) -> list[str]:
    """
    What the keys of a word type in the other layout of a Russian keyboard: привет for ghbdtn.

    The signs after a word may be keys of letters or signs, so there may be two; none where a key
    types no letter.
    """
    table = _SWITCHED[0] if _is_latin(word.lower()) else _SWITCHED[1]
    typed = [word.lower(), word.lower().rstrip(_AFTER_A_WORD)]
    forms = [one.translate(table) for one in typed if len(one) >= _MIN_SWITCHED]
    return [one for one in dict.fromkeys(forms) if _may_be_a_word(one) and one not in typed]


def _may_be_a_word(form: str) -> bool:
    return all(char.isalnum() or char == "-" for char in form)


def same_script(first: str, second: str) -> bool:
    return _is_latin(first) == _is_latin(second)


def _is_latin(word: str) -> bool:
    return any("a" <= letter <= "z" for letter in word)
