"""Posts that wait for a vector: rows of `WaitingPost`, written and removed by sets."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from search.documents import NO_TEXT
from search.models import WaitingPost

_ADD = """
    INSERT INTO search_waiting_posts (post_id, tenant_id, posted_at, since)
    SELECT post_id, tenant_id, posted_at, %(now)s FROM search_documents AS d
    WHERE text_hash <> %(no_text)s AND {which} AND NOT EXISTS (
        SELECT FROM search_vectors AS v
        WHERE v.post_id = d.post_id AND v.model = %(model)s AND v.text_hash = d.text_hash)
    ORDER BY post_id
    ON CONFLICT (post_id) DO UPDATE SET posted_at = excluded.posted_at
"""
"""The update waits for whoever is about to remove the row, and puts it back; in order, see `lock`."""


def add(post_ids: Sequence[UUID], model: str, *, now: datetime) -> None:
    """Let those of the posts wait whose present text has no vector of the model."""
    _add("d.post_id = ANY(%(ids)s)", model, now=now, ids=list(post_ids))


def add_all(model: str, *, now: datetime) -> None:
    """Let all posts wait that have no vector of the model: it has just been chosen."""
    _add("true", model, now=now)


def lock(post_ids: Iterable[UUID]) -> set[UUID]:
    """Lock the rows of those of the posts that wait, in the order in which `add` locks them."""
    rows = WaitingPost.objects.filter(pk__in=list(post_ids)).order_by("pk").select_for_update()
    return set(rows.values_list("pk", flat=True))


def remove(post_ids: Iterable[UUID]) -> None:
    """Remove rows that are locked."""
    WaitingPost.objects.filter(pk__in=list(post_ids)).delete()


def newest(limit: int) -> list[UUID]:
    """The newest posts that wait; what was posted last is looked for first."""
    rows = WaitingPost.objects.order_by("-posted_at", "post_id").values_list("pk", flat=True)
    return list(rows[:limit])


def still(post_ids: Iterable[UUID]) -> set[UUID]:
    """Return the posts that wait."""
    rows = WaitingPost.objects.filter(pk__in=list(post_ids))
    return set(rows.values_list("pk", flat=True))


def any_since(moment: datetime) -> bool:
    """Whether a post has waited since then, or longer."""
    return WaitingPost.objects.filter(since__lte=moment).exists()


def oldest_age() -> float:
    """Seconds for which a post has waited at most; 0 where none waits."""
    since = WaitingPost.objects.order_by("since").values_list("since", flat=True).first()
    return max(0.0, (timezone.now() - since).total_seconds()) if since else 0.0


def _add(which: str, model: str, *, now: datetime, **parameters: Any) -> None:
    values: dict[str, Any] = {"now": now, "model": model, "no_text": NO_TEXT, **parameters}
    with connection.cursor() as cursor:
        cursor.execute(_ADD.format(which=which), values)
