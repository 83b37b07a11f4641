"""The state of the search: models, and how far the index is behind, at the same cost for any archive."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection

from events.metrics.scrape import COUNTED
from events.subscriptions import registered
from search.embeddings import chosen
from search.index.postgresql.vectors import vector_table
from search.models import EmbeddingModel, WaitingPost

WORDS, MEANING = "words", "meaning"
_QUEUE_OF_WORDS: Final = "search"

# Along the partial index of open tasks, and never more of it than so many of a subscriber.
_OF_WORDS = """
    SELECT e.tenant_id, count(*), max(extract(epoch FROM now() - e.created_at))::float
    FROM unnest(%(names)s::text[]) AS s (name) CROSS JOIN (VALUES (false), (true)) AS b (backfill)
    CROSS JOIN LATERAL (
        SELECT event_id FROM events_delivery
        WHERE subscriber = s.name AND state IN ('pending', 'leased') AND backfill = b.backfill
        ORDER BY due_at LIMIT %(most)s
    ) AS d JOIN events_outboxevent AS e ON e.id = d.event_id
    GROUP BY e.tenant_id ORDER BY e.tenant_id
"""
_OF_MEANING = """
    SELECT t.id::text, w.count, w.seconds
    FROM accounts_tenant AS t CROSS JOIN LATERAL (
        SELECT count(*), max(extract(epoch FROM now() - since))::float AS seconds FROM (
            SELECT since FROM search_waiting_posts
            WHERE tenant_id = t.id ORDER BY since LIMIT %(most)s
        ) AS first
    ) AS w WHERE w.count > 0 ORDER BY t.id
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """`posts` of a tenant wait for `index`, up to 1 000 are counted; the oldest for `seconds`."""

    tenant_id: str
    index: str
    posts: int
    seconds: float


def lags() -> Iterator[Lag]:
    """Yield a lag for each tenant and index that has one."""
    names = [subscription.name for subscription in registered(queue=_QUEUE_OF_WORDS)]
    parameters: dict[str, Any] = {"names": names, "most": COUNTED}
    with connection.cursor() as cursor:
        for index, sql in ((WORDS, _OF_WORDS), (MEANING, _OF_MEANING)):
            cursor.execute(sql, parameters)
            for tenant_id, posts, seconds in cursor.fetchall():
                yield Lag(tenant_id, index, min(posts, COUNTED), max(0.0, seconds))


MOST_COUNTED: Final = 100_000
LATE: Final = timedelta(hours=1)
"""A post that has waited longer is a fault: nothing that works takes as long."""


@dataclass(frozen=True, slots=True)
class Status:
    """
    `encoder` is that of the settings, `serves` the model whose vectors queries are compared with.

    `waiting` counts the posts without a vector of the wanted model, up to `MOST_COUNTED`. `no_meaning` says why nothing is
    found by meaning, empty where that works as far as the database tells.
    """

    encoder: str
    serves: str
    waiting: int
    no_meaning: str
    lags: tuple[Lag, ...]

    @property
    def is_changing(self) -> bool:
        return bool(self.serves) and self.serves != self.encoder and not self.no_meaning

    @property
    def late(self) -> tuple[Lag, ...]:
        return tuple(lag for lag in self.lags if lag.seconds > LATE.total_seconds())

    def as_dict(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder,
            "serves": self.serves,
            "is_changing": self.is_changing,
            "waiting": self.waiting,
            "no_meaning": self.no_meaning,
            "late": bool(self.late),
            "lags": [asdict(lag) for lag in self.lags],
        }


def status() -> Status:
    serving = EmbeddingModel.objects.filter(serves=True).first()
    return Status(
        encoder=chosen.encoder().name,
        serves=serving.name if serving else "",
        waiting=WaitingPost.objects.all()[:MOST_COUNTED].count(),
        no_meaning=_no_meaning(),
        lags=tuple(lags()),
    )


def _no_meaning() -> str:
    if not chosen.configured():
        return "SEARCH_ENCODER is none"
    if not vector_table.exists():
        return "PostgreSQL has no extension vector, or `migrate` was not run since"
    return ""
