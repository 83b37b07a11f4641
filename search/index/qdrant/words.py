"""The lexemes of documents, which PostgreSQL finds: it stems."""

import json
from collections.abc import Sequence
from typing import Final

from django.db import connection

from search.documents import Document
from search.index.postgresql.writing import LEXEMES
from search.index.qdrant.sparse import WEIGHTS, SparseWords, weighed

_SPLIT: Final = (
    "SELECT n, lexeme, weights FROM"  # noqa: S608 - constants
    " (SELECT n, words, caption, pictures, others, emoji, files FROM jsonb_to_recordset(%s::jsonb)"
    " AS given (n int, words text, caption text, pictures text, others text, emoji text, files text)) AS texts,"
    f" unnest({LEXEMES})"
)


def sparse_words(documents: Sequence[Document]) -> list[SparseWords]:
    """The words of documents, by one query."""
    texts = [
        {
            "n": n,
            "words": d.words,
            "caption": d.caption,
            "pictures": d.pictures,
            "others": d.others,
            "emoji": d.emoji,
            "files": d.files,
        }
        for n, d in enumerate(documents)
    ]
    found: list[dict[str, float]] = [{} for _ in documents]
    with connection.cursor() as cursor:
        cursor.execute(_SPLIT, [json.dumps(texts, ensure_ascii=False)])
        for n, lexeme, weights in cursor.fetchall():
            found[n][lexeme] = sum(WEIGHTS[weight] for weight in weights or "D")
    return [weighed(occurrences) for occurrences in found]
