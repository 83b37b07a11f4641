"""Comparing the indexes with the archive: counts, and fingerprints post by post."""

from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID, uuid4

from django.conf import settings
from django.utils import timezone

from events import projections
from events.projections import CannotCompare, Comparison, batches
from media.models import Post
from search import sources
from search.embeddings import chosen
from search.embeddings.port import EncoderUnavailable
from search.index.port import IndexRefused, IndexUnavailable, WritableIndex
from search.index.postgresql import word_counts
from search.index.postgresql.index import PostgresIndex
from search.index.postgresql.vectors import vector_table
from search.index.qdrant.index import QdrantIndex
from search.services.indexing.entries import entries_of
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_qdrant import current_space, index_qdrant
from search.services.indexing.index_words import index_words

Repair = Callable[[Sequence[UUID]], None]


def register() -> None:
    """Register the indexes as projections."""
    projections.register("search.postgresql", compare_postgresql)
    projections.register("search.words", compare_words)
    projections.register("search.qdrant", compare_qdrant, exists=lambda: settings.QDRANT.configured)


def compare_postgresql(tenant_id: UUID, **options: object) -> Comparison:
    return _compare("search.postgresql", PostgresIndex(), _write_postgresql, tenant_id, **options)  # type: ignore[arg-type]


def compare_qdrant(tenant_id: UUID, **options: object) -> Comparison:
    return _compare("search.qdrant", QdrantIndex(), _write_qdrant, tenant_id, **options)  # type: ignore[arg-type]


def compare_words(
    tenant_id: UUID,
    *,
    repair: bool = False,
    most: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Comparison:
    """Compare the counts of words. A part of the posts tells nothing of them, so `most` skips it."""
    found = Comparison("search.words", tenant_id)
    if most is not None:
        return found
    found.expected, found.stored = word_counts.numbers(tenant_id)
    found.compared = found.expected
    wrong = word_counts.wrong(tenant_id)
    for kind, words in wrong.items():
        found.note(kind, words)
    if repair and found.unresolved:
        word_counts.repair(tenant_id)
        found.repaired = found.unresolved - sum(map(len, word_counts.wrong(tenant_id).values()))
    progress(0)
    return found


def _compare(
    name: str,
    index: WritableIndex,
    write: Repair,
    tenant_id: UUID,
    *,
    repair: bool = False,
    most: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Comparison:
    found = Comparison(name, tenant_id)
    fix = write if repair else None
    try:
        found.expected = Post.objects.filter(tenant=tenant_id).count()
        found.stored = index.count(tenant_id)
        for ids in batches(partial(_posts, tenant_id), most, start=uuid4()):
            found.compare_rows(ids, partial(_differing, index), fix)
            progress(len(ids))
        for ids in batches(partial(index.ids, tenant_id), most, start=uuid4()):
            found.note_extra(_gone(tenant_id, ids), fix)
    except (IndexUnavailable, IndexRefused, EncoderUnavailable) as error:
        raise CannotCompare(str(error)) from error
    return found


def _differing(index: WritableIndex, ids: Sequence[UUID]) -> tuple[list[UUID], list[UUID]]:
    """The posts that the index does not have, and those that it has otherwise."""
    space = current_space()
    stored = index.fingerprints(ids, space)
    read = list(sources.read(ids, with_data=True))
    expected = index.expected(entries_of(read, with_payload=True, afresh=True), space)
    missing = [pk for pk in expected if pk not in stored]
    return missing, [pk for pk in expected if pk in stored and stored[pk] != expected[pk]]


def _gone(tenant_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
    """Those of the ids that are no post of the tenant any more."""
    posts = Post.objects.filter(tenant=tenant_id, pk__in=ids)
    return sorted(set(ids) - set(posts.values_list("pk", flat=True)))


def _posts(tenant_id: UUID, *, after: UUID | None, limit: int) -> list[UUID]:
    rows = Post.objects.filter(tenant=tenant_id).order_by("pk")
    rows = rows.filter(pk__gt=after) if after else rows
    return list(rows.values_list("pk", flat=True)[:limit])


def _write_postgresql(ids: Sequence[UUID]) -> None:
    index_words(ids, now=timezone.now(), afresh=True)
    if chosen.configured() and vector_table.exists():
        index_meaning(ids)


def _write_qdrant(ids: Sequence[UUID]) -> None:
    index_qdrant(ids, now=timezone.now())
