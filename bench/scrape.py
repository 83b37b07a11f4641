"""
`python -m bench.scrape`: a scrape takes as long with many posts as with 10 000 (a million: `--many 1000000`).

Two databases of the same installation: in each every post has a picture, an analysis and an event
with two tasks, one post in ten belongs to an album, and of each kind of work a part is left over:
tasks, albums and pictures that wait, as an import in progress leaves them, in both at least as many
as a scrape looks at. The rows are made by
SQL. Both are scraped in turns, by the page's own function, with nothing kept from the last scrape.
Bound: the median of the ratios is at most 1.3.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from functools import partial

from bench.support import database

database.setup()

from django.db import connection, connections  # noqa: E402 - after django.setup()
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402

from accounts.models import Tenant  # noqa: E402
from bench.support import report, turns  # noqa: E402
from events.metrics import scrape  # noqa: E402
from media.models import Channel, channel_id  # noqa: E402
from telegram_assistant.metrics import exposition  # noqa: E402

FEW, MANY, TENANTS, ROUNDS, MOST = 10_000, 200_000, 5, 31, 1.3


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table: SQL for the columns that matter here; all others are empty or 0."""

    table: str
    columns: dict[str, str]
    of: str


_BETWEEN = "telegram_message_id BETWEEN %(first)s AND %(last)s"
_ROWS = (
    Rows(
        "posts",
        {
            "id": "md5('post' || n)::uuid",
            "tenant_id": "c.tenant_id",
            "channel_id": "c.id",
            "telegram_message_id": "n",
            "grouped_id": "CASE WHEN n %% 10 = 0 THEN n / 40 END",
            "content": "'Text ' || n",
            "has_media": "true",
            "media_kind": "'photo'",
            "media_state": "'stored'",
        },
        "generate_series(%(first)s, %(last)s) AS n"
        " JOIN bench_channel AS c ON c.number = n %% %(tenants)s",
    ),
    Rows(
        "media_groups",
        {
            "tenant_id": "p.tenant_id",
            "channel_id": "p.channel_id",
            "grouped_id": "p.grouped_id",
            "album_kind": "'photo'",
            "status": "CASE WHEN p.grouped_id %% 2 = 0 THEN 'waiting' ELSE 'complete' END",
        },
        f"(SELECT DISTINCT tenant_id, channel_id, grouped_id FROM posts"
        f" WHERE grouped_id IS NOT NULL AND {_BETWEEN}) AS p ON CONFLICT DO NOTHING",
    ),
    Rows(
        "media_group_items",
        {
            "group_id": "g.id",
            "post_id": "p.id",
            "position": "p.telegram_message_id %% 40 / 10",
            "media_kind": "'photo'",
            "sha256": "repeat('a', 64)",
        },
        f"posts AS p JOIN media_groups AS g USING (channel_id, grouped_id) WHERE {_BETWEEN}",
    ),
    Rows(
        "events_outboxevent",
        {"topic": "'posts.vision.uploaded'", "idempotency_key": "'key ' || n"},
        "generate_series(%(first)s, %(last)s) AS n",
    ),
    Rows(
        "events_delivery",
        {
            "event_id": "e.id",
            "subscriber": "s.name",
            "state": "CASE e.id %% 4 WHEN 0 THEN 'pending' WHEN 1 THEN 'dead' ELSE 'done' END",
        },
        "events_outboxevent AS e,"
        " (VALUES ('albums.collect'), ('vision.analyze_backfill')) AS s (name)"
        " WHERE NOT EXISTS (SELECT FROM events_delivery AS d WHERE d.event_id = e.id)",
    ),
    Rows(
        "post_enrichment",
        {
            "post_id": "id",
            "tenant_id": "tenant_id",
            "channel_id": "channel_id",
            "kind": "'vision'",
            "status": "'ok'",
            "vision_analyzed_at": "now()",
            "vision_provider": "'gigachat'",
        },
        f"posts WHERE {_BETWEEN} AND telegram_message_id %% 3 > 0",
    ),
    Rows(
        "vision_picture_look",
        {
            "tenant_id": "tenant_id",
            "sha256": "md5(id::text) || md5(id::text || 'x')",
            "provider": "'gigachat'",
            "state": "CASE WHEN waits THEN 'waiting' ELSE 'done' END",
            "wait_reason": "CASE WHEN waits THEN 'daily_limit' ELSE '' END",
            "posted_at": "posted_at",
            "analysis": "'{}'",
        },
        f"(SELECT *, telegram_message_id %% 2 = 0 AS waits FROM posts WHERE {_BETWEEN}) AS p",
    ),
)
_EMPTY = {
    "boolean": "false",
    "jsonb": "'[]'",
    "timestamp with time zone": "now()",
    "character varying": "''",
    "text": "''",
}
"""What stands in a column that must have a value, by its type; 0 in one of numbers."""
_MUST_HAVE_A_VALUE = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_name = %s AND is_nullable = 'NO' AND is_generated = 'NEVER' AND is_identity = 'NO'
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=MANY)
    many = parser.parse_args().many
    with database.fresh() as name:
        _channels()
        _load(1, FEW)
        with database.copy_of(name) as full:
            small = connections["default"]
            with database.on(full):
                started = time.monotonic()
                _load(FEW + 1, many)
                print(f"   loaded {many:,} posts in {time.monotonic() - started:.0f} s")
            for wrapper in (small, full):
                _scraped(wrapper)
            found = turns.in_turn(partial(_scraped, full), partial(_scraped, small), rounds=ROUNDS)
    return report.close(
        [
            report.Figure(f"scrape: with {many:,} posts", 1000 * found.seconds[0], unit="ms"),
            report.Figure(
                f"scrape: with {many:,} posts, to {FEW:,}", found.ratio, at_most=MOST, unit="times"
            ),
        ]
    )


def _scraped(wrapper: BaseDatabaseWrapper) -> float:
    with database.on(wrapper):
        scrape.forget()
        return turns.timed(exposition.page)


def _channels() -> None:
    for number in range(TENANTS):
        tenant = Tenant.objects.create(name=f"Tenant {number}")
        Channel.objects.create(
            pk=channel_id(tenant.pk, -1 - number),
            tenant=tenant,
            tg_channel_id=-1 - number,
            title="Channel",
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_channel AS SELECT id, tenant_id, -1 - tg_channel_id AS number FROM channels"
        )


def _load(first: int, last: int) -> None:
    with connection.cursor() as cursor:
        for rows in _ROWS:
            cursor.execute(_insert(rows), {"first": first, "last": last, "tenants": TENANTS})
    database.analyze()


def _insert(rows: Rows) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_MUST_HAVE_A_VALUE, [rows.table])
        others = {name: _EMPTY.get(kind, "0") for name, kind in cursor.fetchall()}
    columns = others | rows.columns
    return (
        f"INSERT INTO {rows.table} ({', '.join(columns)})"
        f" SELECT {', '.join(columns.values())} FROM {rows.of}"
    )


if __name__ == "__main__":
    sys.exit(main())
