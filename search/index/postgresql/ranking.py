"""
Search by words: candidates from the index of words, ranked like BM25 by PostgreSQL's own function.

A word counts by its inverse document frequency times `ts_rank(…, 1)` of that word alone, which
grows ever less with each further occurrence and is divided by 1 + the logarithm of the length.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper, F, QuerySet

from search.index.port import Scope, WordHit, WordHits
from search.index.postgresql.conditions import matching
from search.index.postgresql.lexemes import any_of, quoted
from search.index.postgresql.vocabulary import Term, replaced_of, terms_of
from search.models import SearchDocument
from search.query_terms import Query

CANDIDATES = 2000
"""Posts that are ranked. Where more have a common word, the newest of them are."""
_WEIGHTS = "'{0.4, 0.6, 0.8, 1.0}'::float4[]"
"""Of other words, words of pictures, caption of the album, text."""


def by_words(query: Query, scope: Scope, *, limit: int) -> WordHits:
    """Return the best hits by words; those that carry a #tag of the query come first."""
    words = (*query.words, *query.phrases, *query.tags)
    asked = terms_of(words, scope.tenants) if scope.tenants else []
    terms = [term for term in asked if term.lexemes]
    if not terms and not query.tags:
        return WordHits()
    allowed, whole = matching(scope, query), sum(term.weight for term in asked)
    sql, parameters = _ranked(terms, query.tags, allowed, limit=limit)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    lexemes = tuple(lexeme for term in terms for lexeme in term.lexemes)
    return WordHits([_hit(row, terms, whole) for row in rows], replaced_of(terms), lexemes)


def newest(query: Query, scope: Scope, *, limit: int) -> WordHits:
    """Return the newest of the posts that may be hits."""
    rows = matching(scope, query).order_by("-posted_at", "pk").values_list("pk", flat=True)
    return WordHits([WordHit(post_id, score=0.0) for post_id in rows[:limit]])


def _hit(row: tuple[Any, ...], terms: Sequence[Term], whole: float) -> WordHit:
    post_id, score, tags, *ranks = row
    matched = [term for term, rank in zip(terms, ranks, strict=True) if rank > 0]
    return WordHit(
        post_id,
        score,
        coverage=sum(term.weight for term in matched) / whole if whole else 1.0,
        words=tuple(dict.fromkeys([term.word for term in matched])),
        tags=tuple(tags),
    )


def _ranked(
    terms: Sequence[Term], tags: Sequence[str], allowed: QuerySet[SearchDocument], *, limit: int
) -> tuple[str, list[Any]]:
    ranks, rank_parameters = _ranks(terms)
    candidates, candidate_parameters = _candidates(terms, tags, allowed)
    names = [f"r{number}" for number in range(len(terms))]
    score = " + ".join(f"{name} * %s" for name in names) or "0"
    sql = (
        f"SELECT post_id, {score} AS score, carried{''.join(f', {name}' for name in names)}"  # noqa: S608 - no text of a query is in it
        f" FROM (SELECT post_id, posted_at, {_carried(tags)} AS carried{ranks}"
        f" FROM ({candidates}) AS candidates) AS ranked"
        f" ORDER BY cardinality(carried) DESC, score DESC, posted_at DESC, post_id LIMIT %s"
    )
    weights, asked = [term.weight for term in terms], [list(tags)] if tags else []
    return sql, [*weights, *asked, *rank_parameters, *candidate_parameters, limit]


def _carried(tags: Sequence[str]) -> str:
    """Those tags of the query that a document has."""
    if not tags:
        return "'{}'::text[]"
    return "ARRAY(SELECT unnest(tags) INTERSECT SELECT unnest(%s::text[]) ORDER BY 1)"


def _ranks(terms: Sequence[Term]) -> tuple[str, list[str]]:
    """A column per term: the greatest rank of its lexemes, since any of them may be meant."""
    columns, parameters = [], []
    for number, term in enumerate(terms):
        each = [f"ts_rank({_WEIGHTS}, words, %s::tsquery, 1)"] * len(term.lexemes)
        columns.append(f", greatest({', '.join(each)}) AS r{number}")
        parameters += [quoted(lexeme) for lexeme in term.lexemes]
    return "".join(columns), parameters


def _candidates(
    terms: Sequence[Term], tags: Sequence[str], allowed: QuerySet[SearchDocument]
) -> tuple[str, list[Any]]:
    """
    All posts with a rare word, the newest with a tag, and the newest with any word; each once.

    Bounded: ranking all posts with a common word would cost as much as there are posts.
    """
    rare = [term for term in terms if term.posts <= CANDIDATES // max(1, len(terms))]
    common = [term for term in terms if term not in rare]
    parts, rest = [], allowed
    if rare:
        parts.append(_having(allowed, rare))
        rest = rest.extra(where=["NOT words @@ %s::tsquery"], params=[_any_of(rare)])
    if tags:
        parts.append(rest.filter(tags__overlap=list(tags)).order_by("-posted_at", "pk"))
        rest = rest.exclude(tags__overlap=list(tags))
    if common:
        parts.append(_newest(_having(rest, common), common))
    columns = ("post_id", "posted_at", "tags", "words")
    compiled = [part.values(*columns)[:CANDIDATES].query.sql_with_params() for part in parts]
    sql = " UNION ALL ".join(f"({text})" for text, _ in compiled)
    return sql, [value for _, parameters in compiled for value in parameters]


def _having(rows: QuerySet[SearchDocument], terms: Sequence[Term]) -> QuerySet[SearchDocument]:
    return rows.extra(where=["words @@ %s::tsquery"], params=[_any_of(terms)])


def _newest(rows: QuerySet[SearchDocument], terms: Sequence[Term]) -> QuerySet[SearchDocument]:
    """
    Order by date, newest first.

    There are two ways: walk through the posts by date until there are enough, or collect all that
    have the words and sort them. The planner takes the words for ever equally frequent; the
    vocabulary knows better.
    """
    posts = sum(term.posts for term in terms)
    if posts * posts >= CANDIDATES * terms[0].of:
        return rows.order_by("-posted_at", "pk")
    # The same order as an expression, by which no index can be walked.
    by_date = ExpressionWrapper(F("posted_at") + timedelta(0), DateTimeField())
    return rows.order_by(by_date.desc(), "pk")


def _any_of(terms: Sequence[Term]) -> str:
    return any_of(lexeme for term in terms for lexeme in term.lexemes)
