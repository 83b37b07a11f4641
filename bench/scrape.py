"""
`python -m bench.scrape`: a scrape takes as long with a million posts as with 10 000.

Two databases of the same installation: in each every post has a picture, an analysis and an event
with two tasks, one post in ten belongs to an album, and of each kind of work a part is left over:
tasks, albums and pictures that wait, as an import in progress leaves them. The rows are made by
SQL. Both are scraped in turns, by the page's own function, with nothing kept from the last scrape.
Bound: the median of the ratios is at most 1.3.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial

from bench import database

database.setup()

from django.db import connection, connections  # noqa: E402 - after django.setup()
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402

from accounts.models import Tenant  # noqa: E402
from bench import report, turns  # noqa: E402
from bench.quota import _copy_of, _on  # noqa: E402
from events.metrics import scrape  # noqa: E402
from media.models import Channel, channel_id  # noqa: E402
from telegram_assistant.metrics import exposition  # noqa: E402

FEW, MANY, TENANTS, ROUNDS, MOST = 10_000, 1_000_000, 5, 31, 1.3

_ROWS = (
    """
    INSERT INTO posts (id, tenant_id, channel_id, telegram_message_id, grouped_id, source, content,
        content_hash, posted_at, is_edited, telegram_post_url, urls, mentions, hashtags, has_media,
        media_kind, media_state, media_name, post_author, via_bot, reactions_count, reactions,
        forward_from_name, is_forward, extra, source_fingerprint, fingerprint, revision,
        created_at, updated_at)
    SELECT md5('post' || n)::uuid, c.tenant_id, c.id, n, CASE WHEN n %% 10 = 0 THEN n / 40 END,
        'channel', 'Text ' || n, '', now() - n * interval '1 minute', false, '', '[]', '[]', '[]',
        true, 'photo', 'stored', '', '', '', 0, '[]', '', false, '{}', '', '', 0, now(), now()
    FROM generate_series(%(first)s, %(last)s) AS n
    JOIN bench_channel AS c ON c.number = n %% %(tenants)s
    """,
    """
    INSERT INTO media_groups (tenant_id, channel_id, grouped_id, album_kind, caption_text, posted_at,
        items_count, content_hash, meta, status, version, revision, assembled_fingerprint,
        created_at, updated_at)
    SELECT tenant_id, channel_id, grouped_id, 'photo', '', min(posted_at), count(*), '', '{}',
        CASE WHEN grouped_id %% 5 = 0 THEN 'waiting' ELSE 'complete' END, 1, 1, '', now(), now()
    FROM posts WHERE grouped_id IS NOT NULL AND telegram_message_id BETWEEN %(first)s AND %(last)s
    GROUP BY tenant_id, channel_id, grouped_id ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO media_group_items (group_id, post_id, position, media_kind, sha256, meta)
    SELECT g.id, p.id, p.telegram_message_id %% 40 / 10,
        'photo', repeat('a', 64), '{}'
    FROM posts AS p JOIN media_groups AS g USING (channel_id, grouped_id)
    WHERE p.telegram_message_id BETWEEN %(first)s AND %(last)s
    """,
    """
    INSERT INTO events_outboxevent (topic, version, idempotency_key, payload, trace_id, tenant_id,
        occurred_at, created_at)
    SELECT 'posts.vision.uploaded', 'v1', 'key ' || n, '{}', 'trace', 'tenant', now(), now()
    FROM generate_series(%(first)s, %(last)s) AS n
    """,
    """
    INSERT INTO events_delivery (event_id, subscriber, queue, state, backfill, attempts, due_at,
        error_code, error_details, error_trace, outcome)
    SELECT e.id, s.name, 'default',
        CASE e.id %% 4 WHEN 0 THEN 'pending' WHEN 1 THEN 'dead' ELSE 'done' END, true, 0, now(),
        '', '', '', ''
    FROM events_outboxevent AS e, (VALUES ('albums.collect'), ('vision.analyze_backfill')) AS s (name)
    WHERE NOT EXISTS (SELECT FROM events_delivery AS d WHERE d.event_id = e.id)
    """,
    """
    INSERT INTO post_enrichment (post_id, tenant_id, channel_id, kind, provider, params_hash,
        status, error, data, metadata, summary, vision_analyzed_at, vision_provider, vision_version,
        features_hash, vision_is_meme, vision_description, vision_ocr_text, vision_tokens_used,
        vision_cost_microunits, s3_vision_keys, s3_media_keys, s3_crawl_keys, ocr_present,
        created_at, updated_at)
    SELECT id, tenant_id, channel_id, 'vision', 'gigachat', '', 'ok', '', '{}',
        '{}', '', now(), 'gigachat', '1', '', false, 'A picture', '', 1300, 0, '[]', '[]', '[]',
        false, now(), now()
    FROM posts WHERE telegram_message_id BETWEEN %(first)s AND %(last)s
        AND telegram_message_id %% 3 > 0
    """,
    """
    INSERT INTO vision_picture_look (tenant_id, sha256, provider, model, schema_version, state,
        is_reused, prompt_tokens, completion_tokens, precached_prompt_tokens, total_tokens, calls,
        attempts, retry_rounds, error_class, reason, error, is_recent, posted_at, wait_reason,
        reserved_tokens, follow_up_due, analysis, created_at, updated_at)
    SELECT tenant_id, md5(id::text) || md5(id::text || 'x'), 'gigachat', 'GigaChat-2-Pro', '1',
        CASE WHEN waits THEN 'waiting' ELSE 'done' END, false, 0, 0, 0, 0, 0, 0, 0, '', '', '',
        false, posted_at, CASE WHEN waits THEN 'daily_limit' ELSE '' END, 0, false, '{}', now(), now()
    FROM (SELECT *, telegram_message_id %% 4 = 0 AS waits FROM posts) AS p
    WHERE telegram_message_id BETWEEN %(first)s AND %(last)s
    """,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=MANY)
    many = parser.parse_args().many
    with database.fresh() as name:
        _channels()
        _load(1, FEW)
        with _copy_of(name) as full:
            small = connections["default"]
            with _on(full):
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
    with _on(wrapper):
        scrape.forget()
        page: Callable[[], object] = exposition.page
        return turns.timed(page)


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
        for statement in _ROWS:
            cursor.execute(statement, {"first": first, "last": last, "tenants": TENANTS})
    database.analyze()


if __name__ == "__main__":
    sys.exit(main())
