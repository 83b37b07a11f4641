"""
Saving an answer by one statement, where it concerns nothing but the claim that asked for it.

It is what `claims.settle_answer` does: the place of the call is free, and the tokens are counted,
at the very commit that saves the answer. While it is saved, the place waits.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from events.postgresql import one_trip
from media.models import Post
from vision.models import PaidAnalysis
from vision.providers.port import Analysis, TokenUsage


@dataclass(frozen=True, slots=True)
class Call:
    """
    What is known of a call besides its claim.

    `most` is what the most expensive call had cost when this one began. `place` is its place
    among the calls in progress, given back with the answer; None where it is kept for longer.
    """

    most: int = 0
    place: uuid.UUID | None = None


def usage_of(analysis: Analysis) -> TokenUsage:
    """The usage; of a provider that returns only a total, that."""
    total = analysis.tokens_used
    return analysis.usage or TokenUsage(
        prompt_tokens=total, completion_tokens=0, total_tokens=total
    )


def save(
    paid_analysis_id: int,
    claim_id: uuid.UUID,
    analysis: Analysis,
    *,
    call: Call,
    post: Post,
    now: datetime,
) -> PaidAnalysis | None:
    """
    Save the answer to a claim that stands; None where there is more to do, and nothing is done.

    There is more to do where posts wait for the answer, and where it cost more than any before.
    """
    usage = usage_of(analysis)
    if usage.total_tokens > call.most:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            _SAVE.format(columns=_columns()),
            {
                "id": paid_analysis_id,
                "claim": claim_id,
                "analysis": analysis.model_dump_json(),
                "post": post.pk,
                "place": call.place,
                "now": now,
                **usage.model_dump(),
            },
        )
        rows = cursor.fetchall()
    for row in one_trip.objects(PaidAnalysis, rows, without=["analysis"]):
        row.analysis, row.is_provider_failing = analysis.model_dump(mode="json"), rows[0][-1]
        return row
    return None


def _columns() -> str:
    """The names of the columns that an object is made of, without the answer itself."""
    fields = PaidAnalysis._meta.concrete_fields  # noqa: SLF001 - public by Django's documentation
    return ", ".join(
        connection.ops.quote_name(str(field.column)) for field in fields if field.name != "analysis"
    )


# The order of locks is that of `claims`: the row, its hash, the budget. Each part refers to the one
# before, for PostgreSQL is free to begin parts that do not. `before` is the claim as it was.
_SAVE: Any = """
    WITH before AS (
        SELECT id, tenant_id, sha256, provider, budget_day, reserved_tokens
        FROM vision_picture_look
        WHERE id = %(id)s AND claim_id = %(claim)s AND state = 'claimed' AND wait_reason = ''
        FOR UPDATE
    ), settled AS (
        UPDATE vision_picture_look AS row SET
            state = 'done', analysis = %(analysis)s::jsonb, is_reused = false,
            -- NULL where the post was deleted meanwhile: the answer is paid for all the same
            paid_by_id = (SELECT id FROM posts WHERE id = %(post)s), settled_claim_id = %(claim)s, follow_up_due = false,
            prompt_tokens = prompt_tokens + %(prompt_tokens)s,
            completion_tokens = completion_tokens + %(completion_tokens)s,
            precached_prompt_tokens = precached_prompt_tokens + %(precached_prompt_tokens)s,
            total_tokens = total_tokens + %(total_tokens)s, calls = calls + 1,
            attempts = 0, error_class = '', reason = '', error = '',
            due_at = NULL, requested_at = NULL, analyzed_at = %(now)s, updated_at = %(now)s,
            claim_id = NULL, claimed_by = NULL, claimed_until = NULL, asked_at = NULL,
            budget_day = NULL, reserved_tokens = 0
        WHERE id = (SELECT id FROM before)
        RETURNING row.*
    ), alone AS (
        UPDATE picture_hashes AS hash SET same_as = '', distance = NULL
        FROM settled
        WHERE hash.tenant_id = settled.tenant_id AND hash.sha256 = settled.sha256
          AND hash.same_as <> ''
        RETURNING hash.id
    ), budget AS (
        UPDATE vision_token_budget AS budget SET
            reserved_tokens = budget.reserved_tokens - before.reserved_tokens,
            reserved_calls = budget.reserved_calls - 1,
            used_tokens = budget.used_tokens + %(total_tokens)s, calls = budget.calls + 1
        FROM before
        WHERE budget.tenant_id = before.tenant_id AND budget.day = before.budget_day
          AND (SELECT count(*) FROM alone) >= 0
    ), place AS (
        DELETE FROM vision_concurrency_place
        WHERE id = %(place)s AND EXISTS (SELECT FROM settled)
    )
    SELECT {columns}, EXISTS (
        SELECT FROM vision_provider_health AS health
        WHERE health.provider = settled.provider AND health.failures > 0
    ) FROM settled
"""
