"""Bringing Qdrant up to date with the archive."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from events.errors import RetryLater
from search import sources
from search.embeddings import chosen
from search.index.entry import Entry, Space
from search.index.port import Target, WritableIndex
from search.index.postgresql.index import PostgresIndex
from search.index.postgresql.vectors import vector_table
from search.index.qdrant.index import QdrantIndex
from search.models import EmbeddingModel
from search.services.indexing.entries import entries_of
from search.services.indexing.index_meaning import index_meaning

MOST_ROUNDS: Final = 5


def index_qdrant(post_ids: Sequence[UUID], *, now: datetime, into: Target | None = None) -> int:
    """
    Bring the points of these posts up to date; returns how many changed.

    `into` is a collection that is being built; without it, all of them are written.

    Qdrant has no transaction with PostgreSQL, so what was written is compared with what is true by
    then, and written again where it differs: two writers, or a post deleted meanwhile, leave
    nothing old behind. A writer that is killed before it compares leaves its delivery to another.
    Raises IndexUnavailable and IndexRefused, RetryLater where posts change without an end.
    """
    index = QdrantIndex()
    target, left, changed = into or index, list(dict.fromkeys(post_ids)), 0
    for _ in range(MOST_ROUNDS):
        entries = complete_entries(left, index)
        gone = set(left) - {entry.post_id for entry in entries}
        target.delete(sorted(gone))
        changed += target.upsert(entries, now=now)
        left = _outdated(entries, gone)
        if not left:
            return changed
    raise RetryLater(f"{len(left)} posts change faster than they are written")


def complete_entries(post_ids: Sequence[UUID], index: WritableIndex) -> list[Entry]:
    """
    The entries of those posts that exist, with payloads and vectors.

    Vectors are made only where neither PostgreSQL nor the index has them. Raises
    EncoderUnavailable where there is an encoder and it cannot work.
    """
    entries = entries_of(list(sources.read(post_ids, with_data=True)), with_payload=True)
    space = current_space()
    if space is None:
        return entries
    texts = {e.post_id: e.document.text_hash for e in entries if e.document.passage}
    vectors = _vectors(
        texts, {e.document.text_hash: e.document.passage for e in entries}, space, index
    )
    return [
        replace(entry, space=space, vector=vectors.get(texts.get(entry.post_id, "")))
        for entry in entries
    ]


def current_space() -> Space | None:
    """What vectors are made of now; None where there is no encoder, or nothing of it is known yet."""
    if not chosen.configured():
        return None
    encoder = chosen.encoder()
    known = EmbeddingModel.objects.filter(pk=encoder.name).values_list("dimension", flat=True)
    dimension = encoder.dimension or known.first()
    return Space(encoder.name, dimension) if dimension else None


def _vectors(
    texts: dict[UUID, str], passages: dict[str, str], space: Space, index: WritableIndex
) -> dict[str, list[float]]:
    """Vectors by hash of the text."""
    postgresql = PostgresIndex()
    known = postgresql.known_vectors(texts, space)
    missing = {pk: text for pk, text in texts.items() if text not in known}
    if missing and vector_table.exists():
        index_meaning(list(missing))  # writes them there, for whoever needs them next
        known |= postgresql.known_vectors(missing, space)
    elif missing:
        known |= index.known_vectors(missing, space)
        fresh = list({text for text in missing.values() if text not in known})
        made = chosen.encoder().encode_passages([passages[text] for text in fresh]) if fresh else []
        known |= dict(zip(fresh, made, strict=True))
    return known


def _outdated(entries: Sequence[Entry], gone: set[UUID]) -> list[UUID]:
    """The posts about which something else is true by now than what was written."""
    ids = [*(entry.post_id for entry in entries), *gone]
    now = {
        e.post_id: e for e in entries_of(list(sources.read(ids, with_data=True)), with_payload=True)
    }
    written = {entry.post_id: _facts(entry) for entry in entries}
    return [pk for pk in ids if written.get(pk) != (_facts(now[pk]) if pk in now else None)]


def _facts(entry: Entry) -> tuple[object, ...]:
    return entry.document.document_hash, entry.document.text_hash, entry.row(), entry.payload
