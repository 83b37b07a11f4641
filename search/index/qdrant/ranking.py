"""Search by words: sparse vectors, weighed by the IDF that the server knows of the tenants' posts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from search.index.port import Scope, WordHit, WordHits
from search.index.postgresql.vocabulary import Term, meant_by, replaced_of, terms_of
from search.index.qdrant.client import answering, client, models
from search.index.qdrant.conditions import of_scope, of_tenants
from search.index.qdrant.points import WORDS
from search.index.qdrant.sparse import asked, dimension
from search.query_terms import Query

_PAYLOAD = ["posted_at", "tags"]


def by_words(name: str, query: Query, scope: Scope, *, limit: int) -> WordHits:
    """
    Return the best hits by words; those that carry a #tag of the query come first.

    The words of the query are read by PostgreSQL's vocabulary: stems, corrections, the other script.
    """
    every = terms_of((*query.words, *query.phrases, *query.tags), scope.tenants)
    terms = [term for term in every if term.lexemes]
    lexemes = tuple(lexeme for term in terms for lexeme in term.lexemes)
    found: dict[Any, tuple[Any, float]] = {}
    if query.tags:
        tagged = of_scope(scope)
        tagged["must"].append({"key": "tags", "match": {"any": list(query.tags)}})
        found |= {one.id: (one, 0.0) for one in _newest(name, tagged, limit=limit)}
        found |= {one.id: (one, one.score) for one in _best(name, lexemes, tagged, scope, limit)}
    found |= {
        one.id: (one, one.score) for one in _best(name, lexemes, of_scope(scope), scope, limit)
    }
    whole = sum(term.weight for term in every)
    hits = [
        (_hit(one, score, terms, whole, query.tags), _moment(one)) for one, score in found.values()
    ]
    ordered = sorted(hits, key=lambda pair: _order(*pair))
    best = [hit for hit, _ in ordered[:limit]]
    return WordHits(best, replaced_of(terms), lexemes, meant_by(terms))


def newest(name: str, scope: Scope, *, limit: int) -> list[WordHit]:
    """Return the newest of the posts in the scope."""
    found = _newest(name, of_scope(scope), limit=limit)
    hits = [(WordHit(UUID(str(one.id)), score=0.0), _moment(one)) for one in found]
    return [hit for hit, _ in sorted(hits, key=lambda pair: _order(*pair))]


def _best(
    name: str, lexemes: Sequence[str], conditions: dict[str, Any], scope: Scope, limit: int
) -> Any:
    if not lexemes:
        return []
    of, sparse = models(), asked(lexemes)
    # How rare a word is among other tenants' posts is nobody's business, and no measure.
    corpus = of.Filter(must=[of_tenants(scope.tenants)])
    with answering():
        return (
            client()
            .query_points(
                name,
                query=of.SparseVector(indices=list(sparse.indices), values=list(sparse.values)),
                using=WORDS,
                query_filter=of.Filter(**conditions),
                search_params=of.SearchParams(idf=of.IdfCorpusParams(corpus=corpus)),
                limit=limit,
                with_payload=_PAYLOAD,
                with_vectors=[WORDS],
            )
            .points
        )


def _newest(name: str, conditions: dict[str, Any], *, limit: int) -> Any:
    of = models()
    with answering():
        found, _ = client().scroll(
            name,
            scroll_filter=of.Filter(**conditions),
            order_by=of.OrderBy(key="posted_at", direction=of.Direction.DESC),
            limit=limit,
            with_payload=_PAYLOAD,
            with_vectors=[WORDS],
        )
    return found


def _hit(
    one: Any, score: float, terms: Sequence[Term], whole: float, tags: Sequence[str]
) -> WordHit:
    words = (one.vector or {}).get(WORDS)
    places = set(words.indices) if words else set()
    matched = [term for term in terms if places & set(map(dimension, term.lexemes))]
    return WordHit(
        UUID(str(one.id)),
        score,
        coverage=sum(term.weight for term in matched) / whole if whole else 1.0,
        words=tuple(dict.fromkeys(term.word for term in matched)),
        tags=tuple(sorted(set(one.payload["tags"]) & set(tags))),
    )


def _moment(one: Any) -> datetime:
    return datetime.fromisoformat(one.payload["posted_at"])


def _order(hit: WordHit, posted_at: datetime) -> tuple[int, float, float, str]:
    """Tags first, then the score, then the newest."""
    return -len(hit.tags), -round(hit.score, 4), -posted_at.timestamp(), str(hit.post_id)
