"""
Posts that are gone, for Qdrant: a trigger notes them, whatever deleted them.

A note says only that the post has changed: what is true of it is looked up when it is read. So a
post that came back meanwhile is written rather than forgotten.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from search.services.indexing.index_qdrant import index_qdrant

BATCH: Final = 1000


def forget_deleted(*, now: datetime) -> int:
    """Let Qdrant forget the posts that are gone; returns how many notes were read."""
    read = 0
    while noted := _noted():
        if settings.QDRANT.configured:
            index_qdrant(list(noted), now=now)
        _strike(noted)
        read += len(noted)
    return read


def _noted() -> dict[UUID, datetime]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT post_id, deleted_at FROM search_tombstones ORDER BY deleted_at LIMIT %s",
            [BATCH],
        )
        return dict(cursor.fetchall())


def _strike(noted: dict[UUID, datetime]) -> None:
    """Delete the notes, but of a post that was deleted once more since."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM search_tombstones USING unnest(%s::uuid[], %s::timestamptz[])"
            " AS read (post_id, deleted_at) WHERE search_tombstones.post_id = read.post_id"
            " AND search_tombstones.deleted_at = read.deleted_at",
            [list(noted), list(noted.values())],
        )
