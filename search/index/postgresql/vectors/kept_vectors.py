"""
Vectors of texts that no post has now, by (model, hash of the text): nothing is encoded twice.

A text that is edited back, posted again after it was deleted, or was encoded by a worker that was
killed before it wrote the vector, is found here. The oldest are pruned.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.db import connection

from search.index.postgresql.vectors.vector_table import as_text

Known = dict[str, str]
"""Vectors in the extension's notation by hash of the text; empty of one that the model refuses."""


def find(text_hashes: Iterable[str], model: str) -> Known:
    """The vectors that are known of these texts, in posts or kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (text_hash) text_hash, coalesce(vector::text, '') FROM ("
            " SELECT text_hash, vector FROM search_vectors"
            " WHERE model = %(model)s AND text_hash = ANY(%(hashes)s)"
            " UNION ALL SELECT text_hash, vector FROM search_kept_vectors"
            " WHERE model = %(model)s AND text_hash = ANY(%(hashes)s)) AS known"
            " ORDER BY text_hash, vector IS NULL",
            {"model": model, "hashes": list(text_hashes)},
        )
        return dict(cursor.fetchall())


def keep(vectors: Mapping[str, Sequence[float]], model: str) -> Known:
    """Keep what was just encoded, an empty vector for a text that was refused; returns it."""
    known = {key: as_text(vector) if vector else "" for key, vector in vectors.items()}
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO search_kept_vectors (model, text_hash, vector)"
            " SELECT %s, text_hash, nullif(vector, '')::halfvec"
            " FROM unnest(%s::text[], %s::text[]) AS new (text_hash, vector)"
            " ON CONFLICT (model, text_hash)"
            " DO UPDATE SET vector = excluded.vector, kept_at = excluded.kept_at",
            [model, list(known), list(known.values())],
        )
    return known


def numbers(known: str) -> list[float]:
    """A known vector as numbers."""
    return [float(number) for number in known.strip("[]").split(",")]


def release(text_hashes: Iterable[str], model: str) -> None:
    """Forget those that posts have now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM search_kept_vectors"
            " WHERE model = %s AND text_hash = ANY(%s) AND vector IS NOT NULL",
            [model, list(text_hashes)],
        )


def prune(*, most: int) -> int:
    """Forget the oldest above `most`; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM search_kept_vectors WHERE kept_at <="
            " (SELECT kept_at FROM search_kept_vectors ORDER BY kept_at DESC OFFSET %s LIMIT 1)",
            [most],
        )
        return int(cursor.rowcount)
