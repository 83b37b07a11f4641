"""A random archive that changes, and everything that the graph says of a tenant."""

from typing import Any

from graph.facts import LABELS
from graph.store import connection

BOOKKEEPING = ("version",)


def dump(tenant_id: Any) -> dict[str, Any]:
    """Every node and every edge of a tenant, but for when they were written."""
    nodes: dict[Any, Any] = {}
    edges: dict[Any, Any] = {}
    for label in LABELS:
        for row in connection.ask(
            f"MATCH (n:{label} {{tenant_id: $tenant}}) RETURN properties(n) AS told",
            tenant=str(tenant_id),
        ):
            told = {k: v for k, v in row["told"].items() if k not in BOOKKEEPING}
            assert (label, told["key"]) not in nodes
            nodes[label, told["key"]] = told
        for row in connection.ask(
            f"MATCH (n:{label} {{tenant_id: $tenant}})-[r]->(m) RETURN n.key AS key, type(r) AS kind,"
            " labels(m) AS labels, m.key AS other, properties(r) AS told",
            tenant=str(tenant_id),
        ):
            edge = ((label, row["key"]), row["kind"], (row["labels"][0], row["other"]))
            assert edge not in edges, f"twice: {edge}"
            edges[edge] = row["told"]
    return {"nodes": nodes, "edges": edges}


def erase(tenant_id: Any) -> None:
    for label in LABELS:
        connection.write(
            lambda run, label=label: run.run(
                f"MATCH (n:{label} {{tenant_id: $tenant}}) DETACH DELETE n", tenant=str(tenant_id)
            ).consume()
        )
