"""Brings nodes and edges of the graph in line with facts, in one transaction, many at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graph.facts import (
    ARTICLE,
    CHANNEL,
    INTO,
    NEEDED_BY,
    OUT_OF,
    PICTURE,
    Edge,
    Facts,
    Properties,
    Ref,
    owner_of,
)
from graph.store import connection

_GOES_UNNEEDED: Final = {CHANNEL, PICTURE, ARTICLE}
"""Rows of which there is a node only while an edge leads to it."""


@dataclass(slots=True)
class Written:
    """How many nodes and edges were made, changed or deleted; all 0 where all was right."""

    nodes: int = 0
    edges: int = 0
    deleted: int = 0

    @property
    def changed(self) -> int:
        return self.nodes + self.edges + self.deleted

    def add(self, other: "Written") -> None:
        self.nodes += other.nodes
        self.edges += other.edges
        self.deleted += other.deleted


@dataclass(slots=True)
class _Known:
    """What the graph has of the owners that are told about."""

    versions: dict[Ref, int] = field(default_factory=dict)
    fingerprints: dict[Ref, str] = field(default_factory=dict)
    edges: dict[Edge, Properties] = field(default_factory=dict)


def write(facts: Facts, *, version: int, now: Callable[[], int], repair: bool = False) -> Written:
    """
    Make the graph say what `facts` say, unless it was told something newer than `version`.

    What has the same fingerprint is left alone; with `repair` it is compared and written all the same.
    `now` says which version would be given at present: what claims a later one is not believed.
    """
    return connection.write(lambda run: _write(run, facts, version, now, repair=repair))


def _write(
    run: Any, facts: Facts, version: int, now: Callable[[], int], *, repair: bool
) -> Written:
    known = _known(run, facts.owners)
    _distrust_the_future(run, known, version, now)
    newer = {ref for ref, other in known.versions.items() if other > version}
    facts = facts.without(newer)
    prints = facts.fingerprints()
    same = set() if repair else {r for r, p in prints.items() if known.fingerprints.get(r) == p}
    _touch(run, same, version)
    changed = facts.without(same)
    known.edges = _edges_of(run, known.versions.keys() & changed.owners.keys())
    stale, fresh = _difference(changed.edges, known.edges)
    done = Written(edges=len(fresh))
    new = {ref: one for ref, one in prints.items() if ref not in same}
    done.nodes = _merge_nodes(run, changed, fresh, new, version)
    done.deleted = _delete_edges(run, stale)
    _merge_edges(run, fresh)
    gone = {ref for ref, told in facts.owners.items() if told is None and ref in known.versions}
    _demote(run, gone)
    lone = {ref for ref in new if ref.label in _GOES_UNNEEDED}
    done.deleted += _sweep(run, gone | lone | {_other(edge) for edge in stale})
    return done


def _known(run: Any, owners: Iterable[Ref]) -> _Known:
    """Versions are 0 of nodes that are only referred to."""
    known = _Known()
    for label, keys in _by_label(owners).items():
        for row in run.run(
            f"UNWIND $keys AS key MATCH (n:{label} {{key: key}})"
            " RETURN n.key AS key, n.version AS version, n.fingerprint AS fingerprint",
            keys=keys,
        ):
            ref = Ref(label, row["key"])
            known.versions[ref] = row["version"] or 0
            known.fingerprints[ref] = row["fingerprint"] or ""
    return known


def _distrust_the_future(run: Any, known: _Known, version: int, now: Callable[[], int]) -> None:
    """
    Take the version from nodes of which nobody can have told yet.

    They were written while the clock of the database was ahead, or by another installation: until
    that time has come, nothing that is true would be written over them.
    """
    if not (newer := {ref: other for ref, other in known.versions.items() if other > version}):
        return
    latest = now()
    for label, keys in _by_label(ref for ref, other in newer.items() if other > latest).items():
        known.versions |= {Ref(label, key): 0 for key in keys}
        _do(
            run,
            f"UNWIND $keys AS key MATCH (n:{label} {{key: key}}) WHERE n.version > $latest"
            " SET n.version = 0",
            keys=keys,
            latest=latest,
        )


def _edges_of(run: Any, owners: Iterable[Ref]) -> dict[Edge, Properties]:
    """The edges that these nodes own."""
    found: dict[Edge, Properties] = {}
    for label, keys in _by_label(owners).items():
        found.update(owned(run, label, keys))
    return found


def owned(run: Any, label: str, keys: list[str]) -> Iterable[tuple[Edge, Properties]]:
    """The edges that nodes of a label own."""
    ways = ((OUT_OF.get(label, ()), "-[r:{}]->"), (INTO.get(label, ()), "<-[r:{}]-"))
    for (kinds, arrow), is_out in zip(ways, (True, False), strict=True):
        if not kinds:
            continue
        for row in run.run(
            f"UNWIND $keys AS key MATCH (n:{label} {{key: key}}){arrow.format('|'.join(kinds))}(m)"
            " RETURN key, type(r) AS kind, labels(m) AS labels, m.key AS other, properties(r) AS told",
            keys=keys,
        ):
            own, other = Ref(label, row["key"]), Ref(row["labels"][0], row["other"])
            ends = (own, other) if is_out else (other, own)
            yield Edge(row["kind"], *ends), row["told"]


def _difference(
    wanted: Mapping[Edge, Properties], known: Mapping[Edge, Properties]
) -> tuple[list[Edge], dict[Edge, Properties]]:
    """The edges that are to go, and those that are to be made or told anew."""
    stale = [edge for edge in known if edge not in wanted]
    return stale, {edge: told for edge, told in wanted.items() if known.get(edge) != told}


def _touch(run: Any, refs: Iterable[Ref], version: int) -> None:
    """Note that these were right at `version`, so that nobody who read before overwrites them."""
    for label, keys in _by_label(refs).items():
        _do(
            run,
            f"UNWIND $keys AS key MATCH (n:{label} {{key: key}}) WHERE n.version < $version"
            " SET n.version = $version",
            keys=keys,
            version=version,
        )


def _merge_nodes(
    run: Any,
    facts: Facts,
    fresh: Mapping[Edge, Properties],
    new: Mapping[Ref, str],
    version: int,
) -> int:
    """Write the owners with `new` fingerprints, and what fresh edges lead to and is not there yet."""
    needed = {ref for edge in fresh for ref in (edge.start, edge.end)} - new.keys()
    _merge_leaves(run, {ref: facts.leaves[ref] for ref in needed if ref in facts.leaves})
    rows: dict[str, list[Properties]] = defaultdict(list)
    for ref, fingerprint in new.items():
        told = facts.owners[ref] or {}
        props = told | {"version": version, "fingerprint": fingerprint}
        rows[ref.label].append({"key": ref.key, "props": props})
    for label, some in rows.items():
        _do(
            run,
            f"UNWIND $rows AS row MERGE (n:{label} {{key: row.key}})"
            " WITH n, row WHERE coalesce(n.version, 0) <= row.props.version SET n = row.props",
            rows=sorted(some, key=_key),
        )
    return len(new)


def _merge_leaves(run: Any, leaves: Mapping[Ref, Properties]) -> None:
    rows: dict[str, list[Properties]] = defaultdict(list)
    for ref, props in leaves.items():
        rows[ref.label].append({"key": ref.key, "props": props})
    for label, some in rows.items():
        _do(
            run,
            f"UNWIND $rows AS row MERGE (n:{label} {{key: row.key}}) ON CREATE SET n += row.props",
            rows=sorted(some, key=_key),
        )


def _merge_edges(run: Any, edges: Mapping[Edge, Properties]) -> None:
    """From the owner on: it has few edges, while a channel that is searched for one has any number."""
    rows: dict[tuple[str, str, str], list[Properties]] = defaultdict(list)
    for edge, told in edges.items():
        rows[edge.kind, edge.start.label, edge.end.label].append(
            {"start": edge.start.key, "end": edge.end.key, "props": told}
        )
    for (kind, start, end), some in rows.items():
        pattern = f"(b)<-[r:{kind}]-(a)" if kind in INTO.get(end, ()) else f"(a)-[r:{kind}]->(b)"
        _do(
            run,
            f"UNWIND $rows AS row MATCH (a:{start} {{key: row.start}})"
            f" MATCH (b:{end} {{key: row.end}}) MERGE {pattern} SET r = row.props",
            rows=some,
        )


def _delete_edges(run: Any, edges: Iterable[Edge]) -> int:
    rows: dict[tuple[str, str, str, bool], list[Properties]] = defaultdict(list)
    for edge in edges:
        owner, end = owner_of(edge), _other(edge)
        rows[edge.kind, owner.label, end.label, owner == edge.start].append(
            {"own": owner.key, "other": end.key}
        )
    for (kind, own, other, is_out), some in rows.items():
        arrow = f"-[r:{kind}]->" if is_out else f"<-[r:{kind}]-"
        _do(
            run,
            f"UNWIND $rows AS row MATCH (n:{own} {{key: row.own}}){arrow}"
            f"(m:{other} {{key: row.other}}) DELETE r",
            rows=some,
        )
    return sum(map(len, rows.values()))


def _demote(run: Any, gone: Iterable[Ref]) -> None:
    """Let rows that are no more be what others refer to; `_sweep` deletes those that nobody does."""
    for label, keys in _by_label(gone).items():
        _do(
            run,
            f"UNWIND $keys AS key MATCH (n:{label} {{key: key}})"
            " SET n = {key: key, tenant_id: n.tenant_id, archived: false}",
            keys=keys,
        )


def _sweep(run: Any, candidates: set[Ref]) -> int:
    """Delete those that nothing leads to any more, and then what only they led to."""
    deleted = 0
    while candidates:
        following: set[Ref] = set()
        for label, keys in _by_label(candidates).items():
            for key in _unneeded(run, label, keys):
                deleted += 1
                following |= {edge.end for edge, _ in list(owned(run, label, [key]))}
                _do(run, f"MATCH (n:{label} {{key: $key}}) DETACH DELETE n", key=key)
        candidates = following
    return deleted


def _unneeded(run: Any, label: str, keys: list[str]) -> list[str]:
    needed = NEEDED_BY.get(label)
    pattern = f"(n)<-[:{'|'.join(needed)}]-()" if needed else "(n)--()"
    query = f"UNWIND $keys AS key MATCH (n:{label} {{key: key}}) WHERE NOT {pattern} RETURN key"
    return [row["key"] for row in run.run(query, keys=keys)]


def _other(edge: Edge) -> Ref:
    return edge.start if owner_of(edge) == edge.end else edge.end


def _by_label(refs: Iterable[Ref]) -> dict[str, list[str]]:
    """Keys by label, in one order: writers that meet do not wait for each other in a circle."""
    found: dict[str, list[str]] = defaultdict(list)
    for ref in sorted(refs):
        found[ref.label].append(ref.key)
    return found


def _key(row: Properties) -> str:
    return str(row["key"])


def _do(run: Any, query: str, **parameters: Any) -> None:
    run.run(query, **parameters).consume()
