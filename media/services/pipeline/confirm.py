"""Confirm: note of unchanged posts that a newer source had them, too."""

from django.db import connection

from events.postgresql import arrays
from media.models import Channel
from media.services.pipeline.plan import BatchPlan


class PostsChanged(Exception):
    """A post that was unchanged when the batch was planned is not any more: it is planned again."""


def confirm_posts(channel: Channel, plan: BatchPlan) -> None:
    """Raise the age of the posts that the plan confirms. Raises PostsChanged."""
    if not plan.confirmed:
        return
    ids = arrays.of_numbers(plan.confirmed)
    fingerprints = arrays.of_texts(plan.confirmed.values())
    with connection.cursor() as cursor:
        # The channel is locked: between this check and the commit no import changes its posts.
        cursor.execute(
            """
            WITH same AS (
                SELECT posts.id FROM posts
                JOIN unnest(%s::bigint[], %s::text[]) AS planned (message_id, fingerprint)
                ON posts.channel_id = %s AND posts.telegram_message_id = planned.message_id
                    AND posts.source_fingerprint = planned.fingerprint
            ), noted AS (
                INSERT INTO post_sightings (post_id, as_of) SELECT id, %s FROM same
                ON CONFLICT (post_id) DO UPDATE SET as_of = excluded.as_of
                WHERE post_sightings.as_of < excluded.as_of
            )
            SELECT count(*) FROM same
            """,
            [ids, fingerprints, channel.pk, plan.as_of],
        )
        [(count,)] = cursor.fetchall()
    if count < len(plan.confirmed):
        raise PostsChanged
