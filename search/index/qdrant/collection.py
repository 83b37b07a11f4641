"""One collection of Qdrant: writing points, and reading what is written."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from search.closeness import SAMPLE, Archive
from search.index.entry import Entry, Space
from search.index.qdrant import points
from search.index.qdrant.client import WRITE_SECONDS, answering, client, models
from search.index.qdrant.collections import has_vectors
from search.index.qdrant.conditions import of_tenants
from search.index.qdrant.words import sparse_words


class Collection:
    """A collection by its own name, or by the alias."""

    def __init__(self, name: str) -> None:
        self.name = name

    def upsert(self, entries: Sequence[Entry]) -> int:
        """Write the points that differ by one request; returns how many did."""
        space = self._space(entries)
        there = self.fingerprints([entry.post_id for entry in entries])
        changed = [e for e in entries if there.get(e.post_id) != points.of(e, space)]
        if changed:
            made = [
                points.point(entry, sparse, space)
                for entry, sparse in zip(
                    changed, sparse_words([e.document for e in changed]), strict=True
                )
            ]
            of = models()
            with answering():
                client().upsert(
                    self.name, [of.PointStruct(**one) for one in made], timeout=WRITE_SECONDS
                )
        return len(changed)

    def delete(self, post_ids: Sequence[UUID]) -> None:
        if post_ids:
            chosen = models().PointIdsList(points=list(map(str, post_ids)))
            with answering():
                client().delete(self.name, chosen, timeout=WRITE_SECONDS)

    def fingerprints(self, post_ids: Sequence[UUID]) -> dict[UUID, str]:
        return {UUID(str(one.id)): points.stored(one.payload) for one in self._read(post_ids)}

    def missing(self, post_ids: Sequence[UUID]) -> list[UUID]:
        there = {UUID(str(one.id)) for one in self._read(post_ids, with_payload=False)}
        return [post_id for post_id in post_ids if post_id not in there]

    def ids(self, tenant: UUID | None, *, after: UUID | None, limit: int) -> list[UUID]:
        """Ids in their order, of a tenant or of all; `after` itself is not one of them."""
        with answering():
            found, _ = client().scroll(
                self.name,
                scroll_filter=_tenant(tenant) if tenant else None,
                limit=limit + 1,
                offset=str(after) if after else None,
                with_payload=False,
            )
        return [pk for one in found if (pk := UUID(str(one.id))) != after][:limit]

    def count(self, tenant: UUID) -> int:
        with answering():
            return int(client().count(self.name, count_filter=_tenant(tenant)).count)

    def vectors(self, post_ids: Sequence[UUID], model: str) -> dict[UUID, list[float]]:
        """The vectors of those of the posts that have one of this model."""
        name = points.meaning_of(model)
        found = self._read(post_ids, with_payload=False, with_vectors=[name])
        return {UUID(str(one.id)): one.vector[name] for one in found if name in (one.vector or {})}

    def archive(self, tenants: Sequence[UUID], model: str) -> Archive:
        """The mean of the first vectors by the ids of their posts, which are random."""
        name = points.meaning_of(model)
        with answering():
            found, _ = client().scroll(
                self.name,
                scroll_filter=models().Filter(must=[of_tenants(tenants)]),
                limit=SAMPLE,
                with_payload=False,
                with_vectors=[name],
            )
        given = [one.vector[name] for one in found if name in (one.vector or {})]
        sums = [sum(numbers) for numbers in zip(*given, strict=True)]
        return Archive(tuple(number / len(given) for number in sums), len(given))

    def known_vectors(self, texts: Mapping[UUID, str], space: Space) -> dict[str, list[float]]:
        name = points.meaning(space)
        found = self._read(list(texts), with_payload=["text_hash"], with_vectors=[name])
        return {
            one.payload["text_hash"]: one.vector[name]
            for one in found
            if name in (one.vector or {}) and one.payload["text_hash"] == texts[UUID(str(one.id))]
        }

    def _read(
        self, post_ids: Sequence[UUID], *, with_payload: Any = True, with_vectors: Any = False
    ) -> Any:
        with answering():
            return client().retrieve(
                self.name,
                list(map(str, post_ids)),
                with_payload=with_payload,
                with_vectors=with_vectors,
            )

    def _space(self, entries: Sequence[Entry]) -> Space | None:
        """The model of the entries' vectors, if the collection has vectors of it."""
        space = next((entry.space for entry in entries if entry.space), None)
        return space if space and has_vectors(self.name, space) else None


def _tenant(tenant: UUID) -> Any:
    return models().Filter(must=[of_tenants([tenant])])
