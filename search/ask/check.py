"""
What of a model's answer may be shown: sentences that cite passages that it was given. Pure functions.

The model is not trusted: it may have been talked into something by a passage, or make things up.
Whether a sentence is true to its passage no code can tell; that a reader can look it up, it can.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

MOST_CHARS: Final = 6000
"""Of an answer that are looked at; the rest is left out."""
MOST_SENTENCES: Final = 12
LONGEST_SENTENCE: Final = 700
REPEATED_WORDS: Final = 7
"""So many words in a row out of the instructions are no answer, but the instructions."""

_CITATION = re.compile(
    r"\[\s*(?:[^\W\d_]{1,12}\.?\s*)?№?\s*([0-9]{1,3}(?:\s*[,;]\s*№?\s*[0-9]{1,3})*)\s*\]"
)
_NUMBER = re.compile(r"[0-9]+")
_BRACKETED = re.compile(r"\[[^\]]*\]|【[^】]*】")
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,20}:/+|www\.|\b[\w-]{1,60}\.[a-z]{2,10}/)\S+", re.IGNORECASE
)
_TAG = re.compile(r"<\s*[!/?a-z]|&(?:#\w+|[a-z]+);", re.IGNORECASE)
_LIST = re.compile(r"^\s*(?:[-*•–—]|#{1,6}|>|[0-9]{1,2}[.)])\s+")
_MARKUP = re.compile(r"\*\*|__|`+")
_END = re.compile(
    r"(?P<before>\S{0,30}?)(?P<stop>[.!?…]+[\"»”’)]*)(?P<cited>(?:\s*\[[^\]]{1,60}\])*[.!?…]*)"
    r"(?=\s+[\"«“(]?(?:[^\W\d_]|[0-9]|\[)|\s*$)"
)
_SHORT = frozenset(
    [
        "г",
        "гг",
        "в",
        "вв",
        "ул",
        "д",
        "стр",
        "рис",
        "им",
        "т",
        "е",
        "др",
        "пр",
        "руб",
        "коп",
        "млн",
        "млрд",
        "тыс",
        "см",
        "св",
        "проф",
        "акад",
        "ср",
        "напр",
        "тел",
        "mr",
        "mrs",
        "ms",
        "dr",
        "st",
        "no",
        "vs",
        "e.g",
        "i.e",
        "jr",
        "sr",
        "inc",
        "approx",
        "т.е",
        "т.д",
        "т.п",
        "т.к",
        "н.э",
    ]
)
"""After these a full stop ends no sentence, unless a citation follows it."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence without its citations, and the numbers of the passages that it cites."""

    text: str
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """The sentences that may be shown, and how many were dropped."""

    sentences: tuple[Sentence, ...]
    dropped: int


def check(answer: str, passages: Mapping[int, str], *, instructions: str, mark: str) -> Checked:
    """
    Keep the sentences of an answer that cite some of `passages`, texts by number, and nothing else.

    Dropped are those that cite nothing, or a passage that was not given, that have HTML or a link
    which no cited passage has, repeat the instructions, or are too long to be sentences.
    """
    runs = _runs(instructions)
    kept: list[Sentence] = []
    dropped = 0
    for written in _sentences(answer[:MOST_CHARS]):
        found = _sentence(written, passages)
        if found and len(kept) < MOST_SENTENCES and not _tells_rules(found.text, runs, mark):
            kept.append(found)
        else:
            dropped += 1
    return Checked(tuple(dict.fromkeys(kept)), dropped)


def _sentence(written: str, passages: Mapping[int, str]) -> Sentence | None:
    cited = [int(n) for found in _CITATION.findall(written) for n in _NUMBER.findall(found)]
    text = _spaced(_CITATION.sub("", written))
    if not cited or any(number not in passages for number in cited):
        return None
    if _BRACKETED.search(text) or not _WORD.search(text) or len(text) > LONGEST_SENTENCE:
        return None
    source = "\n".join(passages[number] for number in cited)
    foreign = any(link not in source for link in _links(text))
    if foreign or (_TAG.search(text) and text not in source):
        return None
    return Sentence(text, tuple(dict.fromkeys(cited)))


def _links(text: str) -> list[str]:
    return [link.rstrip(".,;:!?)»”\"'") for link in _LINK.findall(text)]


def _spaced(text: str) -> str:
    """One space between words, and none before what ends a sentence."""
    return re.sub(r"\s+([.,;:!?…])", r"\1", " ".join(text.split()))


def _sentences(text: str) -> Iterator[str]:
    for line in text.splitlines():
        plain = _MARKUP.sub("", _LIST.sub("", line)).strip()
        if plain:
            yield from _of_line(plain)


def _of_line(line: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(line):
        is_short = end["stop"] == "." and _is_short(end["before"]) and not end["cited"]
        if is_short and end.end() < len(line):
            continue
        if part := line[start : end.end()].strip():
            yield part
        start = end.end()
    if rest := line[start:].strip():
        yield rest


def _is_short(word: str) -> bool:
    """Whether a full stop after this word may be that of an abbreviation or of an initial."""
    bare = word.lstrip('"«“(').lower()
    return bare in _SHORT or (len(bare) == 1 and bare.isalpha())


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    ends = range(REPEATED_WORDS, len(words) + 1)
    return frozenset(tuple(words[end - REPEATED_WORDS : end]) for end in ends)


def _tells_rules(text: str, runs: frozenset[tuple[str, ...]], mark: str) -> bool:
    return mark in text or not runs.isdisjoint(_runs(text))
