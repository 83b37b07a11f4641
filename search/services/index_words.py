"""Writing the documents of posts: the words by which they are found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from events.postgresql.advisory_locks import in_turn
from search import sources
from search.index.postgresql.writing import upsert_documents
from search.models import SearchDocument
from search.services.entries import entries_of
from search.sources import IndexedPost

TURN: Final = "search.documents"


def index_words(post_ids: Sequence[UUID], *, now: datetime) -> int:
    """
    Bring the documents of these posts up to date; returns how many changed.

    Reads what is true now, whatever event asked for it. One writer at a time, and each reads after
    its turn has come: what is written last was read last, so nothing newer is ever overwritten.
    """
    with transaction.atomic():
        in_turn(TURN)
        found = list(sources.read(post_ids))
        _forget_missing(post_ids, found)
        return upsert_documents(entries_of(found), now=now)


def _forget_missing(post_ids: Sequence[UUID], found: Sequence[IndexedPost]) -> None:
    missing = set(post_ids) - {one.post.pk for one in found}
    if missing:  # a deleted post takes its document with it; this is for a restored archive
        SearchDocument.objects.filter(pk__in=missing).delete()
