"""Which combinations of words make a post worth ranking: pure functions of their frequencies."""

from collections.abc import Sequence
from dataclasses import dataclass

from search.index.postgresql.lexemes import any_of
from search.index.postgresql.vocabulary import Term

_MOST_COMBINED = 6
"""Words that are combined; of more, the heaviest. Six make at most twenty combinations."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A tsquery in its text form, and the share of posts that probably fulfil it."""

    tsquery: str
    share: float


def having(selection: Selection) -> tuple[str, list[object]]:
    """The condition that a post fulfils the selection, with its parameters."""
    return "search_documents.words @@ %s::tsquery", [selection.tsquery]


def any_word(terms: Sequence[Term]) -> Selection:
    """Posts with any of the terms, at most that many."""
    share = sum(term.posts for term in terms) / max(1, *(term.of for term in terms))
    return Selection(any_of(lexeme for term in terms for lexeme in term.lexemes), min(1.0, share))


def part_of_the_words(terms: Sequence[Term], part: float) -> Selection:
    """
    Posts with words that weigh at least this part of the query; 1.0 is all words.

    The share is between that of independent words, since words of one query are not, and that of
    any word.
    """
    heaviest = sorted(terms, key=lambda term: -term.weight)[:_MOST_COMBINED]
    need = sum(term.weight for term in heaviest) * part
    text, share = _at_least(need, heaviest)
    return Selection(text or any_word(terms).tsquery, (share * any_word(terms).share) ** 0.5)


def _at_least(need: float, terms: Sequence[Term]) -> tuple[str, float]:
    """The combinations that weigh `need`, heaviest word first; empty where there is none."""
    if not terms or sum(term.weight for term in terms) < need - 1e-9:
        return "", 0.0
    [first, *rest] = terms
    chance = min(1.0, first.posts / max(1, first.of))
    one = f"({any_of(first.lexemes)})"
    without, chance_without = _at_least(need, rest)
    if first.weight >= need - 1e-9:
        with_it, chance_with = one, 1.0
    else:
        more, chance_with = _at_least(need - first.weight, rest)
        with_it = f"{one} & ({more})" if more else ""
    text = " | ".join(part for part in (with_it, without) if part)
    return text, chance * chance_with + (1 - chance) * chance_without
