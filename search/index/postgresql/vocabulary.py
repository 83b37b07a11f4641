"""The words of a query as lexemes of the index: corrected, in both scripts and layouts, with their weight."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.db import connection

from search.documents import asked_form
from search.words import (
    MIN_CORRECTED,
    STOP_WORDS,
    corrections,
    in_the_other_layout,
    same_script,
)

MOST_LEXEMES = 32
"""Of a query; a pasted page is no better found by all of its words."""
MOST_COMPARED = 3000
"""Words with the same start, or end, that a mistyped one is compared with: the most frequent."""
_STEM = 5
_ALL_POSTS = ""
_AS_TYPED: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Term:
    """
    A lexeme of the query. `lexemes` are what is looked for: itself, corrections, other script.

    `word` is the word as typed, `posts` how many of `of` posts have any of `lexemes`, at most;
    `weight` is its inverse document frequency. `meant` is the word where it was typed in the
    other layout of the keyboard.
    """

    word: str
    lexeme: str
    lexemes: tuple[str, ...]
    posts: int
    of: int
    weight: float
    meant: str = ""


def terms_of(words: Sequence[str], tenants: Sequence[UUID]) -> list[Term]:
    """
    Return the terms of a query; three short queries, three more where the archive lacks a word,
    and one for each word to correct.

    A term that is not in the index has no lexemes, and the weight of the rarest word.
    """
    said = [word for word in words if word.lower() not in STOP_WORDS]
    pairs = _lexemes(said)
    if not pairs:
        return []
    lexemes = [lexeme for _, lexeme in pairs]
    counts = _counts([*lexemes, _ALL_POSTS], tenants)
    if meant := _in_the_other_layout(pairs, counts, tenants):
        pairs = _lexemes(said, meant)
        lexemes = [lexeme for _, lexeme in pairs]
        counts |= _counts(lexemes, tenants)
    of, sounding = counts.get(_ALL_POSTS, 0), _sounding_alike(lexemes, tenants)
    terms = []
    for word, lexeme in pairs:
        found = {lexeme: counts[lexeme]} if lexeme in counts else _corrected(lexeme, tenants)
        found |= sounding.get(lexeme, {})
        posts = sum(found.values())
        weight = _inverse_frequency(posts, of)
        terms.append(Term(word, lexeme, tuple(found), posts, of, weight, meant=meant.get(word, "")))
    return terms


def replaced_of(terms: Sequence[Term]) -> dict[str, tuple[str, ...]]:
    """Words for which others are looked for, too, by the word as typed."""
    others = {
        term.word: tuple(x for x in term.lexemes if term.meant or x != term.lexeme)
        for term in terms
    }
    return {word: found for word, found in others.items() if found}


def meant_by(terms: Sequence[Term]) -> dict[str, str]:
    """Words that were typed in the other layout of the keyboard, as they were meant."""
    return {term.word: term.meant for term in terms if term.meant}


def _in_the_other_layout(
    pairs: Sequence[tuple[str, str]], counts: Mapping[str, int], tenants: Sequence[UUID]
) -> dict[str, str]:
    """Of the words that the archive does not have, those it has in the other layout."""
    known = {word for word, lexeme in pairs if lexeme in counts}
    unknown = dict.fromkeys(word for word, _ in pairs if word not in known)
    forms = {form: word for word in unknown for form in in_the_other_layout(word)}
    if not forms:
        return {}
    lexemes = _lexemes(list(forms))
    there = _counts([lexeme for _, lexeme in lexemes], tenants)
    lacking = {form for form, lexeme in lexemes if lexeme not in there}
    return {forms[form]: form for form, _ in lexemes if form not in lacking}


def _inverse_frequency(posts: int, of: int) -> float:
    """The weight of BM25, never negative."""
    return math.log(1 + (max(of, posts) - posts + 0.5) / (posts + 0.5))


def _lexemes(words: Sequence[str], meant: Mapping[str, str] = _AS_TYPED) -> list[tuple[str, str]]:
    """The words with their lexemes, or those of the words they mean, each lexeme once, in order."""
    rows = _rows(
        "SELECT n, lexeme FROM unnest(%s::text[]) WITH ORDINALITY AS w (form, n),"
        " unnest(to_tsvector('russian', form)) ORDER BY n, positions",
        [[asked_form(meant.get(word, word)) for word in words]],
    )
    first: dict[str, str] = {}
    for number, lexeme in rows:
        first.setdefault(lexeme, words[number - 1])
    return [(word, lexeme) for lexeme, word in first.items()][:MOST_LEXEMES]


def _counts(lexemes: Iterable[str], tenants: Sequence[UUID]) -> dict[str, int]:
    return dict(
        _rows(
            "SELECT word, sum(posts)::bigint FROM search_words"
            " WHERE tenant_id = ANY(%s) AND word = ANY(%s) AND posts > 0 GROUP BY word",
            [list(tenants), list(lexemes)],
        )
    )


_SOUNDING_ALIKE = """
    WITH asked AS (
        SELECT lexeme, search_sound(lexeme) COLLATE "C" AS sound FROM unnest(%(lexemes)s::text[]) AS lexeme
    ), meant AS (
        SELECT lexeme, unnest(ARRAY[sound, CASE WHEN length(sound) > %(stem)s THEN left(sound, -1) END,
            CASE WHEN length(sound) > %(stem)s + 1 THEN left(sound, -2) END]) AS sound FROM asked
    )
    SELECT lexeme, word, posts FROM meant JOIN search_words ON search_sound(word) = sound
    WHERE tenant_id = ANY(%(tenants)s) AND posts > 0
    UNION
    SELECT lexeme, word, posts FROM asked JOIN search_words
        ON search_sound(word) > sound AND search_sound(word) < sound || chr(1114109)
    WHERE tenant_id = ANY(%(tenants)s) AND posts > 0
        AND length(sound) >= %(stem)s AND length(search_sound(word)) <= length(sound) + 2
"""
"""
The stems of a name differ by up to two letters between the scripts: of телеграм it is телегр.
Short ones have to sound the same to the end.
"""


def _sounding_alike(lexemes: Sequence[str], tenants: Sequence[UUID]) -> dict[str, dict[str, int]]:
    """Words of the other script that sound like a lexeme: питон for python, by lexeme."""
    long = [lexeme for lexeme in lexemes if len(lexeme) >= MIN_CORRECTED]
    parameters = {"lexemes": long, "tenants": list(tenants), "stem": _STEM}
    found: dict[str, dict[str, int]] = {}
    for lexeme, word, posts in sorted(_rows(_SOUNDING_ALIKE, parameters)):
        if not same_script(lexeme, word):
            words = found.setdefault(lexeme, {})
            words[word] = words.get(word, 0) + posts
    return found


_RESEMBLING = """
    SELECT word, sum(posts)::bigint AS posts FROM search_words
    WHERE tenant_id = ANY(%(tenants)s) AND posts > 0 AND {same}
        AND length(word) BETWEEN %(length)s - 3 AND %(length)s + 3
    GROUP BY word ORDER BY posts DESC, word LIMIT %(most)s
"""
_SAME_START = _RESEMBLING.format(same="word >= %(start)s AND word < %(start)s || chr(1114109)")
_SAME_END = _RESEMBLING.format(
    same="left(word, 1) = left(%(start)s, 1)"
    " AND reverse(word) >= %(end)s AND reverse(word) < %(end)s || chr(1114109)"
)


def _corrected(lexeme: str, tenants: Sequence[UUID]) -> dict[str, int]:
    """
    What was probably meant. A word is compared with those that begin or end like it.

    One edit leaves the first or the second half as it was, two exchanged letters in the middle
    leave all but one letter of the second. Of two edits in a long word, a pair at its very
    beginning and end is the one that is not found.
    """
    if len(lexeme) < MIN_CORRECTED or any(map(str.isdigit, lexeme)):
        return {}
    start = min(len(lexeme) // 2, 3)
    end = min(len(lexeme) - start - 1, 4)
    parameters = {
        "tenants": list(tenants),
        "start": lexeme[:start],
        "end": lexeme[::-1][:end],
        "length": len(lexeme),
        "most": MOST_COMPARED,
    }
    found = dict(_rows(_SAME_START, parameters)) | dict(_rows(_SAME_END, parameters))
    return {word: found[word] for word in corrections(lexeme, found)}


def _rows(sql: str, parameters: Sequence[Any] | dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
