"""
Decision whether the provider is asked about a picture now: duplicate → breaker → budget.

A duplicate comes first because it costs nothing: it is reused while the breaker is open and
without any tokens left. The breaker comes before the budget so that a reservation is made only
for a call that will happen.

All of it is one short transaction in the tenant's turn (an advisory lock), so requests of one
tenant are decided one after the other: two workers never both pay for the same picture, for two
duplicates, or out of the same last tokens.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from events.errors import RetryLater
from vision import metrics
from vision.analysis import backlog, claims, facts
from vision.analysis.claims import SOON, AnalysisInProgress, AnalysisRequest, Claim
from vision.analysis.facts import Facts
from vision.duplicates import reuse
from vision.duplicates.detection import Duplicates
from vision.limits import budget, circuit_breaker
from vision.limits.ceiling import ceiling_after, ceiling_of, most_seen
from vision.models import PaidAnalysis
from vision.policy.loader import current_policy
from vision.policy.schema import VisionPolicy
from vision.providers.port import Analysis, VisionProvider

SETTLED_SOON = timedelta(seconds=5)
"""When a picture comes back that waits for the cost of calls in progress."""


class TokensInUse(RetryLater):
    """Calls in progress have the last tokens reserved; they mostly cost less."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """A finished row: its result or refusal is used, and nobody is asked."""

    row: PaidAnalysis


@dataclass(frozen=True, slots=True)
class Deferred:
    """The picture is not asked about now; `waits`: it is in the backlog for later."""

    reason: str
    waits: bool


def record_cached(
    request: AnalysisRequest, provider: VisionProvider, analysis: Analysis, *, now: datetime
) -> None:
    """Record a result that was found in the bucket only: it has been paid for before."""
    with transaction.atomic():
        known = facts.read(request, provider, Duplicates(), now=now)
        claims.record_cached(known.row, analysis, post=request.post, now=now)


def reuse_duplicate(
    request: AnalysisRequest, provider: VisionProvider, duplicates: Duplicates, *, now: datetime
) -> Reuse | None:
    """
    Reuse the analysis of a duplicate, without asking anybody.

    Raises AnalysisInProgress where somebody is asking about the picture or a duplicate of it.
    """
    with transaction.atomic():
        known = _in_turn(request, provider, duplicates, now=now)
        return _reuse(known, request, duplicates, now=now)


def admit(
    request: AnalysisRequest,
    provider: VisionProvider,
    policy: VisionPolicy,
    duplicates: Duplicates,
    *,
    claim_id: uuid.UUID,
    lease: timedelta,
    now: datetime,
) -> Claim | Reuse | Deferred:
    """
    Claim the picture and reserve its tokens, or say what happens instead.

    `policy` is the tenant's when its post was read; its limits are those of now.

    Raises AnalysisInProgress as `reuse_duplicate` does, RetryLater where the provider said when
    to come back. The caller has `claim_id` in hand.
    """
    with transaction.atomic():
        known = _in_turn(request, provider, duplicates, now=now)
        # Checked again although reuse_duplicate() found none: one may have been paid for since.
        return (
            _reuse(known, request, duplicates, now=now)
            or _check_breaker(known, request, policy, now=now)
            or _reserve(known, request, policy, claim_id=claim_id, lease=lease, now=now)
        )


def check_reservation(claim: Claim, provider: VisionProvider, policy: VisionPolicy) -> int:
    """
    Check just before the call that the reservation still is the ceiling of a call.

    Returns what the most expensive call has cost so far. Raises TokensInUse where a call has cost more since: the claim has to be cancelled and made
    anew, with the higher ceiling.
    """
    most = most_seen(provider.name, provider.model)
    if ceiling_after(most, provider.model, policy) > claim.reserved_tokens:
        raise TokensInUse("calls cost more than was reserved", after=SOON)
    return most


def _in_turn(
    request: AnalysisRequest, provider: VisionProvider, duplicates: Duplicates, *, now: datetime
) -> Facts:
    known = facts.read(request, provider, duplicates, now=now)
    if claims.free_if_stale(known.row, now=now):
        # Read anew: the tokens of the lost claim are used now, no longer reserved.
        return facts.read(request, provider, duplicates, now=now)
    return known


def _reuse(
    known: Facts, request: AnalysisRequest, duplicates: Duplicates, *, now: datetime
) -> Reuse | None:
    """The row's own result, if there is one by now, else that of a duplicate."""
    row = known.row
    if row.state in claims.FINISHED:
        return Reuse(row)
    source = reuse.link_source(row, duplicates)
    if source is not None:
        claims.record_reused(row, source, post=request.post, now=now)
        return Reuse(row)
    if reuse.is_in_progress(row, duplicates, is_any_near=known.is_any_near):
        raise AnalysisInProgress(f"a duplicate of {row.sha256[:12]} is being analyzed", after=SOON)
    return None


def _check_breaker(
    known: Facts, request: AnalysisRequest, policy: VisionPolicy, *, now: datetime
) -> Deferred | None:
    row = known.row
    permission = circuit_breaker.admit(row.provider, known.health, now=now)
    if permission.allowed:
        return None
    if permission.worth_waiting and permission.until:
        raise RetryLater(permission.reason, after=permission.until - now)
    metrics.REQUESTS.labels("blocked", row.provider, str(row.tenant_id)).inc()
    return _defer(row, request, policy, why=permission.reason, due_at=permission.until, now=now)


def _reserve(
    known: Facts,
    request: AnalysisRequest,
    policy: VisionPolicy,
    *,
    claim_id: uuid.UUID,
    lease: timedelta,
    now: datetime,
) -> Claim | Deferred:
    row = known.row
    reserved = budget.reserve(
        tenant=request.post.tenant,
        ceiling=lambda: _ceiling(known, policy),
        limits=budget.limits_of(known.tenant, current_policy(known.tenant)),
        is_recent=row.is_recent,
        now=now,
        locked=known.day,
    )
    if reserved.tokens:
        return claims.claim(row, claim_id=claim_id, tokens=reserved.tokens, lease=lease, now=now)
    if reserved.must_wait:
        raise TokensInUse(f"the last tokens of {row.tenant_id} are reserved", after=SETTLED_SOON)
    reason = reserved.refused_by
    metrics.BUDGET_BLOCKS.labels(str(row.tenant_id), reason).inc()
    metrics.REQUESTS.labels("blocked", row.provider, str(row.tenant_id)).inc()
    return _defer(row, request, policy, why=reason, due_at=None, now=now)


def _defer(
    row: PaidAnalysis,
    request: AnalysisRequest,
    policy: VisionPolicy,
    *,
    why: str,
    due_at: datetime | None,
    now: datetime,
) -> Deferred:
    """Let the picture wait, if it may; where it has waited and may no more, its other posts hear it."""
    has_waited = bool(row.wait_reason)
    waits = backlog.enqueue(row, why=why, depth=policy.limits.max_queue_depth, due_at=due_at)
    if has_waited and not waits:
        backlog.request_for_other_posts(row, besides=request.post.pk, now=now)
    return Deferred(why, waits)


def _ceiling(known: Facts, policy: VisionPolicy) -> int:
    """The ceiling of a call; `known.most` was read under the lock of the day, if it has a row."""
    provider, model = known.row.provider, known.row.model
    if known.day is None:
        return ceiling_of(provider, model, policy)
    return ceiling_after(known.most, model, policy)
