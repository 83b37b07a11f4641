"""
The states of a PaidAnalysis row: REQUESTED → CLAIMED → DONE, FAILED, WAITING or REQUESTED again.

A claim gives one worker the right to ask the provider about a picture, with tokens reserved for
it. While the provider works no transaction is open: the row names the worker (`claimed_by`), and
`events.workers.liveness` tells others when that worker is gone. A restart of PostgreSQL ends no claim.
Whether a claim may be made is decided in `vision.analysis.pay_once`.

Locks are taken in one order everywhere, so that no two transactions wait for each other: the
tenant's turn, PaidAnalysis, ProviderHealth, TokenBudget, CallCost.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from events.errors import RetryLater
from events.postgresql.one_trip import Statement
from events.postgresql.prepared import Prepared
from events.workers import liveness
from events.workers.claim_columns import is_stale
from media.models import Post
from vision import metrics
from vision.analysis import answers, backlog
from vision.analysis.answers import Call
from vision.analysis.failures import FailedCall, NextStep, inform_breaker, may_be_to_blame
from vision.limits import budget, ceiling, places
from vision.models import AnalysisState, PaidAnalysis
from vision.providers.port import SCHEMA_VERSION, Analysis, TokenUsage, VisionProvider

SOON = timedelta(seconds=1)
"""When a delivery comes back whose picture another worker is analyzing."""
FINISHED = (AnalysisState.DONE, AnalysisState.FAILED)
CALL = Call()
"""A call of which nothing is known, and that keeps its place."""
UNCLAIMED = (AnalysisState.REQUESTED, AnalysisState.WAITING)


class AnalysisInProgress(RetryLater):
    """Another worker is asking about this picture, or about a duplicate of it."""


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """
    One picture of a post that is to be analyzed.

    `is_recent`: the post is young enough for the live budget. `is_reanalysis`: a person wants
    the picture analyzed again; it may wait as long as it takes.
    """

    post: Post
    sha256: str
    is_recent: bool
    is_reanalysis: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to ask about one picture, and the tokens reserved for that in `budget_day`."""

    paid_analysis_id: int
    tenant_id: uuid.UUID
    claim_id: uuid.UUID
    reserved_tokens: int
    budget_day: date


def finished(request: AnalysisRequest, provider: VisionProvider) -> PaidAnalysis | None:
    """The row with a result or a refusal, if there is one; takes no lock."""
    found = _FINISHED.objects(
        tenant_id=request.post.tenant_id,
        sha256=request.sha256,
        provider=provider.name,
        model=provider.model,
    )
    return next(iter(found), None)


@contextmanager
def claim_in_hand() -> Iterator[uuid.UUID]:
    """Make the id of a claim that this worker makes, works on and settles inside the block."""
    liveness.worker_id()  # before any transaction is open: it may wait for its connection
    claim_id = uuid.uuid4()
    # In hand before a row can name it: see `is_stale`.
    _in_hand.add(claim_id)
    try:
        yield claim_id
    finally:
        _in_hand.discard(claim_id)


_in_hand: set[uuid.UUID] = set()
"""Ids of the claims that threads of this process are working on; adding and discarding are atomic."""


def new_row(request: AnalysisRequest, provider: VisionProvider) -> PaidAnalysis:
    """A row for the picture, as it is before anybody has asked for it; not saved."""
    return PaidAnalysis(
        tenant=request.post.tenant,  # which the post has read already
        sha256=request.sha256,
        provider=provider.name,
        model=provider.model,
        schema_version=SCHEMA_VERSION,
        is_recent=request.is_recent,
        posted_at=request.post.posted_at,
    )


def row_to_lock(new: PaidAnalysis) -> Statement:
    """The saved row of the same picture, if there is one, without its analysis; reading locks it."""
    return _ROW_TO_LOCK.statement(
        tenant_id=new.tenant_id, sha256=new.sha256, provider=new.provider, model=new.model
    )


def requested(row: PaidAnalysis, request: AnalysisRequest) -> PaidAnalysis:
    """Let the row take over what makes the request important (recent, posted later), unsaved."""
    row.tenant = request.post.tenant
    if (row.state, row.error_class) == (AnalysisState.FAILED, backlog.POST_GONE):  # it is back
        row.state, row.error_class = AnalysisState.REQUESTED, ""
    row.is_recent = row.is_recent or request.is_recent
    row.posted_at = max(row.posted_at or request.post.posted_at, request.post.posted_at)
    if request.is_reanalysis and row.state in UNCLAIMED:
        row.wait_reason = backlog.REANALYSIS
    return row


def free_if_stale(row: PaidAnalysis, *, now: datetime) -> bool:
    """
    Free a locked row whose worker is gone, and settle its tokens; whether it did.

    AnalysisInProgress where its worker is alive.
    """
    if row.state != AnalysisState.CLAIMED:
        return False
    if not is_stale(row, in_hand=_in_hand, now=now):
        raise AnalysisInProgress(f"{row.sha256[:12]} is being analyzed", after=SOON)
    _free(row)
    return True


def claim(
    row: PaidAnalysis, *, claim_id: uuid.UUID, tokens: int, lease: timedelta, now: datetime
) -> Claim:
    """Claim a locked row; `tokens` are reserved in the same transaction."""
    row.state = AnalysisState.CLAIMED
    row.claim_id, row.claimed_until = claim_id, now + lease
    row.claimed_by = liveness.worker_id()
    row.reserved_tokens, row.budget_day = tokens, budget.day_of(now)
    row.save()
    return Claim(row.pk, row.tenant_id, claim_id, tokens, row.budget_day)


def record_cached(row: PaidAnalysis, analysis: Analysis, *, post: Post, now: datetime) -> None:
    """Record a result that was found in the bucket only: it has been paid for before."""
    if row.state in UNCLAIMED:
        _finish_unasked(row, analysis, post=post, now=now)


def record_reused(row: PaidAnalysis, source: PaidAnalysis, *, post: Post, now: datetime) -> None:
    """Give a locked row the result of its source, which has been paid for."""
    row.is_reused = True
    _finish_unasked(row, Analysis.model_validate(source.analysis), post=post, now=now)


def settle_answer(
    claim: Claim, analysis: Analysis, *, call: Call = CALL, post: Post, now: datetime
) -> PaidAnalysis:
    """
    Save the result, settle its tokens and free its place in one transaction that does nothing else.

    Also for a worker whose claim was taken for stale: its answer has been paid for and counts.
    Repeating it changes nothing. What follows from the answer is left to `vision.analysis.follow_up`, if it is due.
    """
    row = answers.save(
        claim.paid_analysis_id, claim.claim_id, analysis, call=call, post=post, now=now
    )
    if row is not None:
        _count_tokens(row, claim, answers.usage_of(analysis).total_tokens)
        return row
    with transaction.atomic():
        row = PaidAnalysis.objects.select_for_update().get(pk=claim.paid_analysis_id)
        if row.settled_claim_id == claim.claim_id:
            return row
        is_own = row.claim_id == claim.claim_id
        _settle_tokens(row, claim, answers.usage_of(analysis), is_own=is_own)
        # Neither a result nor the claim of another worker is overwritten by a late answer.
        if is_own or row.state in {*UNCLAIMED, AnalysisState.FAILED}:
            was_waiting_for = row.wait_reason
            _finish(row, analysis, now=now)
            row.wait_reason = was_waiting_for  # follow_up.follow_up() reads it
            row.paid_by, row.is_reused = _still_there(post), False
            row.follow_up_due = True
        row.settled_claim_id, row.analyzed_at = claim.claim_id, now
        row.save()
        if call.place is not None:
            places.delete(call.place)
    return row


def settle_failure(
    claim: Claim, failure: FailedCall, *, queue_depth: int, post: Post, now: datetime
) -> PaidAnalysis:
    """
    Free the row, settle what was billed all the same, and inform the circuit breaker.

    The row that is returned is FAILED, WAITING (given up for now), or REQUESTED: this delivery
    is to try again.
    """
    with transaction.atomic():
        row = PaidAnalysis.objects.select_for_update().get(pk=claim.paid_analysis_id)
        if row.settled_claim_id == claim.claim_id:
            return row
        row.settled_claim_id = claim.claim_id
        is_own = row.claim_id == claim.claim_id
        if not failure.effect.counts_estimate:
            _settle_tokens(row, claim, failure.usage, is_own=is_own)
        elif is_own:  # whoever found the claim stale has written its estimate off already
            _write_off(row)
        inform_breaker(row.provider, failure, now=now)
        # After _write_off the row has no claim any more, but is still ours to settle.
        if row.state != AnalysisState.DONE and row.claim_id in {None, claim.claim_id}:
            _release(row)
            row.error_class, row.reason = failure.error_class, failure.reason[:50]
            row.error = failure.details[:200]
            row.paid_by = row.paid_by or (_still_there(post) if failure.usage else None)
            has_waited = bool(row.wait_reason)
            _next_state(row, failure, queue_depth=queue_depth, now=now)
            if has_waited and row.state == AnalysisState.FAILED:  # they say that it is to come
                backlog.request_for_other_posts(row, besides=post.pk, now=now)
        row.save()
    return row


def cancel(claim: Claim) -> None:
    """Give the claim back: the provider was not asked, so neither tokens nor an attempt count."""
    with transaction.atomic():
        row = PaidAnalysis.objects.select_for_update().get(pk=claim.paid_analysis_id)
        if row.claim_id == claim.claim_id:
            _settle_tokens(row, claim, None, is_own=True, calls=0)
            _release(row)
            row.save()


def release_stale_claims(*, now: datetime) -> int:
    """
    Free what workers that are gone held, for whoever asks next; returns how many rows.

    Every worker calls it every two seconds: liveness watches only workers that are asked about.
    """
    freed = 0
    claimed = PaidAnalysis.objects.filter(state=AnalysisState.CLAIMED)
    for candidate in [
        row for row in _CLAIMED.objects() if is_stale(row, in_hand=_in_hand, now=now)
    ]:
        with transaction.atomic():
            # A locked row is being settled at this moment, so its worker is alive.
            row = claimed.select_for_update(skip_locked=True).filter(pk=candidate.pk).first()
            if row is not None and is_stale(row, in_hand=_in_hand, now=now):
                _free(row)
                freed += 1
    return freed


def _rows_of(
    tenant_id: uuid.UUID, sha256: str, provider: str, model: str
) -> QuerySet[PaidAnalysis]:
    return PaidAnalysis.objects.filter(
        tenant_id=tenant_id,
        sha256=sha256,
        provider=provider,
        model=model,
        schema_version=SCHEMA_VERSION,
    )


_PICTURE: dict[str, Any] = {
    "tenant_id": uuid.uuid4(),
    "sha256": "a SHA-256",
    "provider": "a provider",
    "model": "a model",
}
_IS_FINAL = Q(state__in=FINISHED) & ~Q(error_class=backlog.POST_GONE)
_FINISHED = Prepared(lambda **picture: _rows_of(**picture).filter(_IS_FINAL), **_PICTURE)
_CLAIMED = Prepared(
    lambda: PaidAnalysis.objects.filter(state=AnalysisState.CLAIMED).defer("analysis")
)
_ROW_TO_LOCK = Prepared(
    lambda **picture: _rows_of(**picture).select_for_update().defer("analysis"), **_PICTURE
)


def _still_there(post: Post) -> Post | None:
    """None where the post was deleted during the call: what was paid for is kept without it."""
    return Post.objects.filter(pk=post.pk).first()


def _free(row: PaidAnalysis) -> None:
    """
    Free the row of a worker that is gone.

    A claim without a place was never asked about, and never will be: nobody gets a place for a
    claim that was freed (`places.take`). Its tokens are given back.
    """
    if row.asked_at is not None or row.budget_day is None:
        _write_off(row)
        return
    budget.settle(
        tenant_id=row.tenant_id, day=row.budget_day, reserved=row.reserved_tokens, used=0, calls=0
    )
    _release(row)
    row.save()


def _write_off(row: PaidAnalysis) -> None:
    """Free the row and count its whole reservation as used: its call may have been billed."""
    if row.budget_day is not None:
        budget.write_off(tenant_id=row.tenant_id, day=row.budget_day, reserved=row.reserved_tokens)
    _release(row)
    row.calls += 1
    row.save()


def _settle_tokens(
    row: PaidAnalysis, claim: Claim, usage: TokenUsage | None, *, is_own: bool, calls: int = 1
) -> None:
    """`is_own` is False for a claim that was written off: real usage replaces the estimate."""
    used = usage.total_tokens if usage else 0
    tenant_id, day, reserved = claim.tenant_id, claim.budget_day, claim.reserved_tokens
    if is_own:
        budget.settle(tenant_id=tenant_id, day=day, reserved=reserved, used=used, calls=calls)
        row.calls += calls
    else:
        budget.correct(tenant_id=tenant_id, day=day, assumed=budget.Reserved(reserved), used=used)
    if usage:
        row.prompt_tokens += usage.prompt_tokens
        row.completion_tokens += usage.completion_tokens
        row.precached_prompt_tokens += usage.precached_prompt_tokens
        row.total_tokens += usage.total_tokens
        # The last lock of the transaction: whoever reserves from its commit on reserves enough.
        ceiling.learn(row.provider, row.model, used)
        _count_tokens(row, claim, used)


def _count_tokens(row: PaidAnalysis, claim: Claim, used: int) -> None:
    metrics.TOKENS.labels(row.provider, str(row.tenant_id)).inc(used)
    if used > claim.reserved_tokens:
        metrics.OVERRUNS.labels(row.provider, str(claim.tenant_id)).inc()


def _finish(row: PaidAnalysis, analysis: Analysis, *, now: datetime) -> None:
    _release(row)
    row.state, row.analysis = AnalysisState.DONE, analysis.model_dump(mode="json")
    row.attempts, row.error_class, row.reason = 0, "", ""
    row.error, row.wait_reason = "", ""
    row.due_at = row.requested_at = None
    row.analyzed_at = now


def _finish_unasked(row: PaidAnalysis, analysis: Analysis, *, post: Post, now: datetime) -> None:
    """Save what nobody was asked for; of a picture that waited, the other posts get it, too."""
    has_waited = bool(row.wait_reason)
    _finish(row, analysis, now=now)
    row.save()
    if has_waited:
        backlog.request_for_other_posts(row, besides=post.pk, now=now)


def _release(row: PaidAnalysis) -> None:
    row.state = AnalysisState.REQUESTED
    row.claim_id = row.claimed_by = row.claimed_until = row.asked_at = row.budget_day = None
    row.reserved_tokens = 0


def _next_state(row: PaidAnalysis, failure: FailedCall, *, queue_depth: int, now: datetime) -> None:
    step, why = failure.effect.step, failure.error_class
    if step is NextStep.WAIT:
        backlog.enqueue(row, why=why, depth=queue_depth, due_at=failure.pause_until)
        return
    if step is NextStep.RETRY:
        row.attempts += 1
        if row.attempts <= settings.VISION.vision_api_max_retries:
            return
        row.attempts, row.retry_rounds = 0, row.retry_rounds + 1
        is_over = row.retry_rounds > backlog.MAX_RETRY_ROUNDS
        if not (is_over and may_be_to_blame(row.provider, failure)):
            row.retry_rounds = min(row.retry_rounds, backlog.MAX_RETRY_ROUNDS)
            due_at = now + backlog.rest_after(row.retry_rounds)
            backlog.enqueue(row, why=why, depth=queue_depth, due_at=due_at)
            return
    row.state, row.wait_reason = AnalysisState.FAILED, ""
