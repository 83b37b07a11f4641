"""The summary object of an album is evicted: its row keeps the summary and forgets the key."""

from collections.abc import Sequence

from django.db import connection

from storage_quota import cleanup, keys
from storage_quota.models import ContentType


def unlink(evicted: Sequence[str]) -> None:
    """Forget the keys of evicted summaries, unless an album has stored a new one since."""
    numbers = (keys.album_id(key) for key in evicted)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE media_groups SET meta = jsonb_set(meta, '{enrichment,s3_key}', 'null')
            WHERE id = ANY(%s) AND meta #>> '{enrichment,s3_key}' = ANY(%s)
            """,
            [[int(number) for number in numbers if number.isdecimal()], list(evicted)],
        )


cleanup.on_eviction(ContentType.ALBUM, unlink)
