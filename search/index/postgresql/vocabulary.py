"""The words of a query as lexemes of the index: corrected, in both scripts, with their weight."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from search.documents import searched_form
from search.words import MIN_CORRECTED, STOP_WORDS, corrections, same_script

MOST_LEXEMES = 32
"""Of a query; a pasted page is no better found by all of its words."""
MOST_COMPARED = 20_000
"""Words that a mistyped one is compared with: those in most posts first."""
_LENGTH_DIFFERENCE = 3
_ALL_POSTS = ""


@dataclass(frozen=True, slots=True)
class Term:
    """
    A lexeme of the query. `lexemes` are what is looked for: itself, corrections, other script.

    `word` is the word as typed, `posts` how many posts have any of `lexemes`, at most; `weight`
    is its inverse document frequency.
    """

    word: str
    lexeme: str
    lexemes: tuple[str, ...]
    posts: int
    weight: float


def terms_of(words: Sequence[str], tenants: Sequence[UUID]) -> list[Term]:
    """
    Return the terms of a query; three short queries, and one for each word to correct.

    A term that is not in the index has no lexemes, and the weight of the rarest word.
    """
    pairs = _lexemes([word for word in words if word.lower() not in STOP_WORDS])
    if not pairs:
        return []
    lexemes = [lexeme for _, lexeme in pairs]
    counts = _counts([*lexemes, _ALL_POSTS], tenants)
    sounding = _sounding_alike(lexemes, tenants)
    terms = []
    for word, lexeme in pairs:
        found = {lexeme: counts[lexeme]} if lexeme in counts else _corrected(lexeme, tenants)
        found |= sounding.get(lexeme, {})
        posts = sum(found.values())
        weight = _inverse_frequency(posts, counts.get(_ALL_POSTS, 0))
        terms.append(Term(word, lexeme, tuple(found), posts, weight))
    return terms


def _inverse_frequency(posts: int, of: int) -> float:
    """The weight of BM25, never negative."""
    return math.log(1 + (max(of, posts) - posts + 0.5) / (posts + 0.5))


def _lexemes(words: Sequence[str]) -> list[tuple[str, str]]:
    """The words with their lexemes, each lexeme once, in order."""
    rows = _rows(
        "SELECT word, lexeme FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS w (word, form, n),"
        " unnest(to_tsvector('russian', form)) ORDER BY n, positions",
        [list(words), [searched_form(word) for word in words]],
    )
    first: dict[str, str] = {}
    for word, lexeme in rows:
        first.setdefault(lexeme, word)
    return [(word, lexeme) for lexeme, word in first.items()][:MOST_LEXEMES]


def _counts(lexemes: Iterable[str], tenants: Sequence[UUID]) -> dict[str, int]:
    return dict(
        _rows(
            "SELECT word, sum(posts)::bigint FROM search_words"
            " WHERE tenant_id = ANY(%s) AND word = ANY(%s) AND posts > 0 GROUP BY word",
            [list(tenants), list(lexemes)],
        )
    )


def _sounding_alike(lexemes: Sequence[str], tenants: Sequence[UUID]) -> dict[str, dict[str, int]]:
    """Words of the other script that sound like a lexeme: питон for python, by lexeme."""
    rows = _rows(
        "SELECT lexeme, word, sum(posts)::bigint FROM unnest(%s::text[]) AS lexeme JOIN search_words"
        " ON search_sound(word) = search_sound(lexeme)"
        " WHERE tenant_id = ANY(%s) AND posts > 0 GROUP BY lexeme, word ORDER BY 3 DESC, 2",
        [[lexeme for lexeme in lexemes if len(lexeme) >= MIN_CORRECTED], list(tenants)],
    )
    found: dict[str, dict[str, int]] = {}
    for lexeme, word, posts in rows:
        if not same_script(lexeme, word):
            found.setdefault(lexeme, {})[word] = posts
    return found


def _corrected(lexeme: str, tenants: Sequence[UUID]) -> dict[str, int]:
    if len(lexeme) < MIN_CORRECTED or any(map(str.isdigit, lexeme)):
        return {}
    first = lexeme[0]
    rows: dict[str, int] = dict(
        _rows(
            "SELECT word, sum(posts)::bigint FROM search_words"
            " WHERE tenant_id = ANY(%s) AND word >= %s AND word < %s"
            " AND length(word) BETWEEN %s AND %s AND posts > 0"
            " GROUP BY word ORDER BY 2 DESC, 1 LIMIT %s",
            [
                list(tenants),
                first,
                chr(ord(first) + 1),
                len(lexeme) - _LENGTH_DIFFERENCE,
                len(lexeme) + _LENGTH_DIFFERENCE,
                MOST_COMPARED,
            ],
        )
    )
    return {word: rows[word] for word in corrections(lexeme, rows)}


def _rows(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
