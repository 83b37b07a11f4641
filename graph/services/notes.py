"""
Rows that are gone or changed without an event, for the graph: triggers note them, whoever did it.

A note says only that something has changed: what is true of it is looked up when it is read. So a
post that came back meanwhile is written rather than deleted.
"""

from collections import defaultdict
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from graph import keys
from graph.services.index import index
from graph.sources.read import Changed
from graph.store.connection import configured

BATCH: Final = 500
Note = tuple[str, str, datetime]


def read_notes() -> int:
    """Bring the graph in line with what was noted; returns how many notes were read."""
    read = 0
    while noted := _noted():
        if configured():
            index(_changed(noted))
        _strike(noted)
        read += len(noted)
    return read


def _changed(noted: list[Note]) -> Changed:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, row_id, _ in noted:
        by_kind[kind].append(row_id)
    return Changed(
        posts=[UUID(one) for one in by_kind["post"]],
        albums=[int(one) for one in by_kind["album"]],
        channels=[UUID(one) for one in by_kind["channel"]],
        articles=list(dict.fromkeys(map(_article, by_kind["article"]))),
    )


def _article(row_id: str) -> tuple[UUID, str]:
    """The article of a page, whose note says its tenant and its address."""
    tenant, _, url = row_id.partition(" ")
    return UUID(tenant), keys.address(url)


def _noted() -> list[Note]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, row_id, noted_at FROM graph_notes ORDER BY noted_at LIMIT %s", [BATCH]
        )
        return list(cursor.fetchall())


def _strike(noted: list[Note]) -> None:
    """Delete the notes, but of a row that was noted once more since."""
    kinds, ids, moments = zip(*noted, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM graph_notes USING unnest(%s::text[], %s::text[], %s::timestamptz[])"
            " AS read (kind, row_id, noted_at) WHERE graph_notes.kind = read.kind"
            " AND graph_notes.row_id = read.row_id AND graph_notes.noted_at = read.noted_at",
            [list(kinds), list(ids), list(moments)],
        )
