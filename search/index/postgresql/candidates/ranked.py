"""The statement that ranks candidates by their words."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper, F, QuerySet

from search import emoji
from search.index.postgresql.lexemes import quoted
from search.index.postgresql.vocabulary import Term
from search.models import SearchDocument

Candidates = QuerySet[SearchDocument, Any]
_WEIGHTS = "'{0.4, 0.6, 0.8, 1.0}'::float4[]"
"""Of other words, words of pictures, caption of the album, text."""


def newest_of(rows: QuerySet[SearchDocument], most: int) -> Candidates:
    """The newest of the rows, with what `ranked` needs of them."""
    # By an expression, so that no index by date is walked through in search of a rare word.
    by_date = ExpressionWrapper(F("posted_at") + timedelta(0), DateTimeField())
    columns = ("post_id", "posted_at", "tags", "words")
    newest: Candidates = rows.order_by(by_date.desc(), "pk").values(*columns)[:most]
    return newest


def ranked(
    terms: Sequence[Term],
    tags: Sequence[str],
    candidates: Candidates,
    *,
    limit: int,
) -> tuple[str, list[Any]]:
    """
    A statement that gives the best `limit` of some candidates, with its parameters.

    A row: id, date, score, number of candidates, #tags of the query, a rank for each term.
    """
    ranks, rank_parameters = _ranks(terms)
    given, candidate_parameters = candidates.query.sql_with_params()
    names = [f"r{number}" for number in range(len(terms))]
    score = " + ".join(f"{name} * %s" for name in names) or "0"
    sql = (
        f"SELECT post_id, posted_at, {score} AS score, count(*) OVER (),"  # noqa: S608 - no text of a query is in it
        f" carried{''.join(f', {name}' for name in names)}"
        f" FROM (SELECT post_id, posted_at, {_carried(tags)} AS carried{ranks}"
        # Joined with nothing, a long document is read and unpacked once, not once for each term.
        f" FROM (SELECT post_id, posted_at, tags, ts_filter(words, '{{a,b,c,d}}') AS words,"
        f" {'words' if any(map(_is_emoji, terms)) else 'NULL::tsvector'} AS every_word"
        f" FROM ({given}) AS candidates OFFSET 0) AS unpacked OFFSET 0) AS ranked"
        f" ORDER BY cardinality(carried) DESC, score DESC, posted_at DESC, post_id LIMIT %s"
    )
    weights, asked = [term.weight for term in terms], [list(tags)] if tags else []
    return sql, [*weights, *asked, *rank_parameters, *candidate_parameters, limit]


def _is_emoji(term: Term) -> bool:
    return term.lexeme.startswith(emoji.PREFIX)


def _carried(tags: Sequence[str]) -> str:
    """The tags of the query that a document has."""
    if not tags:
        return "'{}'::text[]"
    return "ARRAY(SELECT unnest(tags) INTERSECT SELECT unnest(%s::text[]) ORDER BY 1)"


def _ranks(terms: Sequence[Term]) -> tuple[str, list[str]]:
    """A column per term: the greatest rank of its lexemes, since any of them may be meant."""
    columns, parameters = [], []
    for number, term in enumerate(terms):
        words = "every_word" if _is_emoji(term) else "words"  # emoji have no place in the other
        each = [f"ts_rank({_WEIGHTS}, {words}, %s::tsquery, 1)"] * len(term.lexemes)
        columns.append(f", greatest({', '.join(each)}) AS r{number}")
        parameters += [quoted(lexeme) for lexeme in term.lexemes]
    return "".join(columns), parameters
