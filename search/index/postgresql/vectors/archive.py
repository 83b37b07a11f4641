"""What an archive is like on the whole, by its vectors: see `search.closeness`."""

import json
import time
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from search.closeness import SAMPLE, Archive
from search.index.postgresql.vectors import vector_table

FRESH_SECONDS: Final = 60.0
"""A full sample hardly changes; reading it takes longer than the rest of a search."""
MOST_KEPT: Final = 100
Key = tuple[tuple[UUID, ...], str]
_kept: dict[Key, tuple[float, Archive]] = {}


def sampled(tenants: tuple[UUID, ...], model: str) -> Archive:
    """
    The mean of the first vectors by the ids of their posts, which are random.

    A full sample is kept for a while by this process; a smaller one, in an archive that may be
    growing, is not. Raises VectorsUnavailable where there are no vectors.
    """
    key, now = (tenants, model), time.monotonic()
    known = _kept.get(key)
    if known and now < known[0]:
        return known[1]
    found = _read(tenants, model)
    if found.posts >= SAMPLE:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = now + FRESH_SECONDS, found
    return found


def _read(tenants: Sequence[UUID], model: str) -> Archive:
    vector_table.require()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT avg(vector)::text, count(*) FROM (SELECT vector FROM search_vectors"  # noqa: S608 - a literal
            f" WHERE model = {vector_table.literal(model)} AND tenant_id = ANY(%s)"
            " ORDER BY post_id LIMIT %s) AS sample",
            [list(tenants), SAMPLE],
        )
        mean, posts = cursor.fetchone()
    return Archive(tuple(json.loads(mean)) if mean else (), posts)
