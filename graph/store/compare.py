"""Reads nodes and the edges that they own back out of the graph, in the form of facts."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from graph.facts import Facts, Ref
from graph.store import connection
from graph.store.write import owned

BOOKKEEPING: Final = ("version", "fingerprint")
"""Properties of a node that are about its writing, and say nothing of the archive."""


def stored(refs: Iterable[Ref]) -> Facts:
    """What the graph says of these nodes; None of one that it has not, or that is only referred to."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for ref in refs:
        by_label[ref.label].append(ref.key)
    return connection.write(lambda run: _read(run, by_label))


def _read(run: Any, by_label: dict[str, list[str]]) -> Facts:
    facts = Facts()
    for label, keys in by_label.items():
        facts.owners |= {Ref(label, key): None for key in keys}
        for row in run.run(
            f"UNWIND $keys AS key MATCH (n:{label} {{key: key}}) WHERE n.version > 0"
            " RETURN properties(n) AS told",
            keys=keys,
        ):
            told = row["told"]
            facts.owners[Ref(label, told["key"])] = {
                name: value for name, value in told.items() if name not in BOOKKEEPING
            }
        facts.edges.update(owned(run, label, keys))
    return facts
