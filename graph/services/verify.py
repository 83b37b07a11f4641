"""Comparing the graph with the archive: posts and albums, node by node and edge by edge."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from events import projections
from events.errors import RetryLater
from events.projections import BATCH, CannotCompare, Comparison, Ids, batches
from graph.errors import GraphOff, GraphUnavailable
from graph.facts import ALBUM, POST, Facts, Ref, owner_of
from graph.services.index import index
from graph.sources.albums import with_items
from graph.sources.read import Changed, read
from graph.store import connection
from graph.store.compare import stored
from media.models import Post


def register() -> None:
    """Register the graph as a projection."""
    projections.register("graph", compare, exists=connection.configured)


def compare(
    tenant_id: UUID,
    *,
    repair: bool = False,
    most: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Comparison:
    """Compare posts and albums of a tenant; see `events.projections.Compare`."""
    found = Comparison("graph", tenant_id)
    try:
        for label, rows, start in (
            (POST, _posts(tenant_id), uuid4()),
            (ALBUM, _albums(tenant_id), None),
        ):
            found.expected += rows.count()
            found.stored += _count(label, tenant_id)
            fix = partial(_index, label, repair=True) if repair else None
            for ids in batches(partial(_page, rows), most, start=start):
                found.compare_rows(ids, partial(_differing, label), fix)
                progress(len(ids))
            for ids in _graph_ids(label, tenant_id):
                found.note_extra(_gone(rows, ids), partial(_index, label) if repair else None)
    except (GraphOff, GraphUnavailable, RetryLater) as error:
        raise CannotCompare(str(error)) from error
    return found


def _index(label: str, ids: Ids, *, repair: bool = False) -> None:
    index(_changed(label, ids), repair=repair)


def _differing(label: str, ids: Ids) -> tuple[list[Any], list[Any]]:
    """The rows that the graph does not have, and those that it has otherwise."""
    facts = read(_changed(label, ids))
    graph = stored(facts.owners)
    wrong = {ref for ref in facts.owners if _told(facts, ref) != _told(graph, ref)}
    wrong |= _edges_that_differ(facts, graph)
    own = {Ref(label, str(pk)): pk for pk in ids}
    lost = {ref for ref, told in graph.owners.items() if told is None}
    affected = {ref for ref in own if ref in wrong} | _showing(facts, wrong)
    missing = [own[ref] for ref in sorted(affected) if ref in own and ref in lost]
    different = [own[ref] for ref in sorted(affected) if ref in own and ref not in lost]
    return missing, different


def _told(facts: Facts, ref: Ref) -> dict[str, Any] | None:
    return facts.owners.get(ref)


def _edges_that_differ(facts: Facts, graph: Facts) -> set[Ref]:
    edges = facts.edges.keys() | graph.edges.keys()
    return {owner_of(one) for one in edges if facts.edges.get(one) != graph.edges.get(one)}


def _showing(facts: Facts, wrong: set[Ref]) -> set[Ref]:
    """The posts and albums that are connected with something that is wrong."""
    ends = [(edge.start, edge.end) for edge in facts.edges]
    return {start for start, end in ends if end in wrong} | {
        end for start, end in ends if start in wrong
    }


def _gone(rows: Any, ids: Ids) -> list[Any]:
    """Those of the ids that are no row any more."""
    return sorted(set(ids) - set(rows.filter(pk__in=ids).values_list("pk", flat=True)))


def _changed(label: str, ids: Iterable[Any]) -> Changed:
    return Changed(posts=list(ids)) if label == POST else Changed(albums=list(ids))


def _posts(tenant_id: UUID) -> Any:
    return Post.objects.filter(tenant=tenant_id)


def _albums(tenant_id: UUID) -> Any:
    return with_items().filter(tenant=tenant_id)


def _count(label: str, tenant_id: UUID) -> int:
    rows = connection.ask(
        f"MATCH (n:{label} {{tenant_id: $tenant}}) WHERE n.version > 0 RETURN count(n) AS found",
        tenant=str(tenant_id),
    )
    return int(rows[0]["found"])


def _graph_ids(label: str, tenant_id: UUID) -> Iterator[list[Any]]:
    page: list[Any] = []
    make = UUID if label == POST else int
    for row in connection.stream(
        f"MATCH (n:{label} {{tenant_id: $tenant}}) WHERE n.version > 0 RETURN n.key AS key",
        tenant=str(tenant_id),
    ):
        page.append(make(row["key"]))
        if len(page) == BATCH:
            yield page
            page = []
    if page:
        yield page


def _page(rows: Any, *, after: Any, limit: int) -> list[Any]:
    some = rows.filter(pk__gt=after) if after is not None else rows
    return list(some.order_by("pk").values_list("pk", flat=True)[:limit])
