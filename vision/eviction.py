"""
Removal of evicted objects from the enrichments that list their keys.

The analysis stays in the row; only the cached copy is gone, which is a cache miss.
"""

from collections.abc import Sequence
from functools import partial

from django.db import connection

from storage_quota import cleanup
from storage_quota.models import ContentType

_COLUMNS = {
    ContentType.MEDIA: "s3_media_keys",
    ContentType.VISION: "s3_vision_keys",
    ContentType.CRAWL: "s3_crawl_keys",
}


def unlink(keys: Sequence[str], *, column: str) -> None:
    """Remove `keys` from the lists in `column`; the rows are found by its GIN index."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE post_enrichment SET {column} = {column} - %(keys)s::text[]"  # noqa: S608 - ours
            f" WHERE {column} ?| %(keys)s::text[]",
            {"keys": list(keys)},
        )


for _content_type, _column in _COLUMNS.items():
    cleanup.on_eviction(_content_type, partial(unlink, column=_column))
