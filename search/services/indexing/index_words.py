"""Writing the documents of posts: the words by which they are found."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from events.postgresql.advisory_locks import in_turn
from search import sources
from search.embeddings import chosen
from search.index.postgresql.vectors import vector_table, waiting
from search.index.postgresql.writing import row, upsert_documents
from search.models import SearchDocument
from search.services.indexing.announce import NO_TRACES, Traces, announce
from search.services.indexing.entries import entries_of
from search.sources import IndexedPost

TURN: Final = "search.documents"


def index_words(
    post_ids: Sequence[UUID],
    *,
    now: datetime,
    afresh: bool = False,
    traces: Traces = NO_TRACES,
) -> int:
    """
    Bring the documents of these posts up to date; returns how many changed.

    Reads what is true now, whatever event asked for it. One writer at a time, and each reads after
    its turn has come: what is written last was read last, so nothing newer is ever overwritten.
    `afresh` trusts nothing that the index has, see `entries_of`; `traces`: see `announce`.
    """
    with transaction.atomic():
        in_turn(TURN)
        found = list(sources.read(post_ids))
        _forget_missing(post_ids, found)
        entries = entries_of(found, afresh=afresh)
        changed = upsert_documents(entries, now=now)
        _let_wait(changed, now=now)
        announce(found, [row(entry) for entry in entries], changed, now=now, traces=traces)
        return len(changed)


def _let_wait(changed: Collection[UUID], *, now: datetime) -> None:
    """For their vectors, which are written by another queue."""
    if changed and chosen.configured() and vector_table.exists():
        waiting.add(list(changed), chosen.encoder().name, now=now)


def _forget_missing(post_ids: Sequence[UUID], found: Sequence[IndexedPost]) -> None:
    missing = set(post_ids) - {one.post.pk for one in found}
    if missing:  # a deleted post takes its document with it; this is for a restored archive
        SearchDocument.objects.filter(pk__in=missing).delete()
