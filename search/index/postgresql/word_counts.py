"""Comparing the counts of words, which a trigger keeps, with the documents that have them."""

from typing import Final
from uuid import UUID

from django.db import connection, transaction

_COUNTED: Final = """
    WITH counted AS (
        SELECT word, count(*) AS posts FROM search_documents,
            unnest(search_counted(words, posted_at)) AS word
        WHERE tenant_id = %(tenant)s GROUP BY word
    ), kept AS (
        SELECT word, posts FROM search_words WHERE tenant_id = %(tenant)s AND posts <> 0
    ), wrong AS (
        SELECT word, counted.posts AS counted, kept.posts AS kept
        FROM counted FULL JOIN kept USING (word) WHERE counted.posts IS DISTINCT FROM kept.posts
    )
"""
_WRONG = _COUNTED + "SELECT word, counted IS NULL, kept IS NULL FROM wrong ORDER BY word"  # noqa: S608 - constants
_REPAIR = f"""{_COUNTED}
    INSERT INTO search_words (tenant_id, word, posts)
    SELECT %(tenant)s, word, coalesce(counted, 0) FROM wrong ORDER BY word COLLATE "C"
    ON CONFLICT (tenant_id, word) DO UPDATE SET posts = excluded.posts
"""  # noqa: S608 - constants
_EACH = """
    SELECT (SELECT count(*) FROM (
        SELECT DISTINCT unnest(search_counted(words, posted_at)) FROM search_documents
        WHERE tenant_id = %(tenant)s
    ) AS each), (SELECT count(*) FROM search_words WHERE tenant_id = %(tenant)s AND posts <> 0)
"""


def numbers(tenant: UUID) -> tuple[int, int]:
    """How many words the tenant's documents have, and of how many there is a count."""
    with connection.cursor() as cursor:
        cursor.execute(_EACH, {"tenant": tenant})
        [(there, kept)] = cursor.fetchall()
    return there, kept


def wrong(tenant: UUID) -> dict[str, list[str]]:
    """The words whose count is not true: `missing`, `different`, and `extra` where none has it."""
    found: dict[str, list[str]] = {"missing": [], "different": [], "extra": []}
    with connection.cursor() as cursor:
        cursor.execute(_WRONG, {"tenant": tenant})
        for word, is_extra, is_missing in cursor.fetchall():
            kind = "extra" if is_extra else "missing" if is_missing else "different"
            found[kind].append(word)
    return found


def repair(tenant: UUID) -> None:
    """Count anew what is wrong; documents are not written meanwhile, and may be read."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE search_documents IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(_REPAIR, {"tenant": tenant})
