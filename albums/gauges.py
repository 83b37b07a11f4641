"""The gauge of albums in assembly, read from the rows: a restart loses none, a finished one leaves."""

from collections.abc import Iterator
from typing import Final

from django.db import connection
from prometheus_client import Metric
from prometheus_client.registry import Collector

from albums import metrics

SHOWN: Final = 100
"""A series names an album, so only those that wait longest have one."""

# Along the partial index of waiting albums; the rest by the keys of a hundred of them.
_ITEMS = """
    SELECT g.id, count(i.id), count(e.vision_analyzed_at),
           count(i.id) FILTER (WHERE i.sha256 <> '' AND e.id IS NULL)
    FROM (
        SELECT id FROM media_groups WHERE status = 'waiting' ORDER BY updated_at LIMIT %s
    ) AS g
    LEFT JOIN media_group_items AS i ON i.group_id = g.id
    LEFT JOIN post_enrichment AS e ON e.post_id = i.post_id AND e.kind = 'vision'
        -- An outcome without decisions says nothing of its picture; one of another picture is none.
        AND (i.sha256 = '' OR jsonb_array_length(coalesce(e.metadata -> 'decisions', '[]')) = 0
             OR e.metadata -> 'decisions' @> jsonb_build_array(jsonb_build_object('sha256', i.sha256)))
    GROUP BY g.id
"""


class AlbumCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        items = metrics.ITEMS.family()
        with connection.cursor() as cursor:
            cursor.execute(_ITEMS, [SHOWN])
            for album_id, *counts in cursor.fetchall():
                for status, count in zip(("total", "analyzed", "pending"), counts, strict=True):
                    items.add_metric([str(album_id), status], count)
        yield items
