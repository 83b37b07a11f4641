"""
One call of the paid provider for a claimed picture: claim → call → settle.

The call is made within the concurrency limit and with no transaction open. Whatever comes of it
is settled in one transaction before anything else is done, the deletion of the upload included:
what the provider has answered is paid for, and a worker may be killed at any point.
"""

import logging
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from accounts.models import Tenant
from events.errors import RetryLater
from events.retry import Backoff
from vision import metrics
from vision.analysis import claims, follow_up, pay_once
from vision.analysis.answers import Call
from vision.analysis.claims import Claim
from vision.analysis.failures import failed_call
from vision.analysis.pay_once import Deferred, Reuse
from vision.limits import budget, circuit_breaker, concurrency, places
from vision.limits.concurrency import Caller
from vision.limits.places import ClaimKey
from vision.models import AnalysisState, PaidAnalysis
from vision.policy.schema import VisionPolicy
from vision.providers.port import Analysis, ProviderBusy, ProviderRefused
from vision.services.paid_request import PaidRequest

Saved = TypeVar("Saved")

logger = logging.getLogger(__name__)
_chance = random.SystemRandom()
_BACKOFF = Backoff()
CALLS = 3
"""Requests of one analysis that may take their whole time: upload, question and deletion."""
WAITING = concurrency.PATIENCE + timedelta(minutes=2)
"""What an analysis takes besides its requests: waiting for a place, and a margin for the rest."""
_WRITE_PATIENCE = 60.0
"""Seconds for which an answer is kept in memory while the database is away."""


def ask(request: PaidRequest, claim: Claim) -> Reuse | Deferred:
    """Call the provider and settle the claim, whatever comes of it."""
    try:
        with concurrency.acquire(
            f"vision:{request.provider.name}",
            limit=concurrency_limit(),
            of=_caller(request, claim),
            is_recent=request.analysis.is_recent,
        ) as place:
            # The place may have been waited for, and other calls may have been made meanwhile.
            most = pay_once.check_reservation(claim, request.provider, request.policy)
            row, error = _call(request, claim, most=most, place=place)
    except (concurrency.LimitReached, pay_once.TokensInUse):
        claims.cancel(claim)
        raise
    if error is not None:
        return _after_failure(row, error)
    circuit_breaker.succeeded(row.provider, is_failing=row.is_provider_failing)
    if row.follow_up_due:
        follow_up.follow_up(row.pk, now=timezone.now())
    return Reuse(row)


def lease() -> timedelta:
    """How long a claim may take: waiting for the limit, then upload, question and deletion."""
    return WAITING + CALLS * timedelta(seconds=settings.GIGACHAT.vision_timeout)


def concurrency_limit() -> int:
    """Calls of the provider that may be in progress at once, over all tenants and hosts."""
    return int(settings.GIGACHAT.concurrent_requests)


def caller_of(tenant: Tenant, policy: VisionPolicy) -> Caller:
    """
    The policy's `max_concurrent_requests` is the share that a tenant has a right to.

    In the tenant's own settings it is the most that this tenant gets, too, whatever it asks for.
    """
    share = policy.limits.max_concurrent_requests
    is_own = "max_concurrent_requests" in budget.own_limits(tenant)
    return Caller(str(tenant.pk), share, share if is_own else concurrency_limit())


def _call(
    request: PaidRequest, claim: Claim, *, most: int, place: UUID
) -> tuple[PaidAnalysis, ProviderBusy | ProviderRefused | None]:
    """
    Call the provider and save its answer or failure; only then delete the upload.

    The place is given back with the answer: the next question need not wait for the deletion.
    Where there is but one place, nothing is asked before the deletion has ended.
    """
    call = Call(most, place if concurrency_limit() > 1 else None)
    provider, post = request.provider, request.analysis.post
    prompt, prepared, started = request.prompt, request.prepared, time.monotonic()
    with ExitStack() as afterwards:
        try:
            analysis = provider.analyze_prepared(
                prepared, prompt=prompt, now=timezone.now(), afterwards=afterwards
            )
        except (ProviderBusy, ProviderRefused) as error:
            row = saved_patiently(partial(_settle_failure, request, claim, error))
            metrics.REQUESTS.labels("error", provider.name, str(post.tenant_id)).inc()
            return row, error
        row = saved_patiently(
            lambda: claims.settle_answer(claim, analysis, call=call, post=post, now=timezone.now())
        )
        if call.place is not None:
            places.was_given_back(call.place)
        _count(request, analysis, seconds=time.monotonic() - started)
    return row, None


def saved_patiently(settle: Callable[[], Saved]) -> Saved:
    """
    Settle, again and again while the database is away: the answer is nowhere else yet.

    `settle` may be repeated: where a commit succeeded and its confirmation was lost, the second
    call finds the claim settled.
    """
    until = time.monotonic() + _WRITE_PATIENCE
    while True:
        try:
            return settle()
        except (OperationalError, InterfaceError):
            if time.monotonic() > until:
                raise
            connection.close()  # a new one is opened for the next statement
            time.sleep(0.2)


def _count(request: PaidRequest, analysis: Analysis, *, seconds: float) -> None:
    provider, tenant = request.provider.name, str(request.analysis.post.tenant_id)
    metrics.REQUESTS.labels("success", provider, tenant).inc()
    has_ocr = str(analysis.ocr is not None).lower()
    metrics.DURATION.labels(provider, has_ocr).observe(seconds)


def _caller(request: PaidRequest, claim: Claim) -> Caller:
    caller = caller_of(request.analysis.post.tenant, request.policy)
    return replace(caller, claim=ClaimKey(claim.paid_analysis_id, claim.claim_id))


def _settle_failure(
    request: PaidRequest, claim: Claim, error: ProviderBusy | ProviderRefused
) -> PaidAnalysis:
    now = timezone.now()
    return claims.settle_failure(
        claim,
        failed_call(error, now=now),
        queue_depth=request.policy.limits.max_queue_depth,
        post=request.analysis.post,
        now=now,
    )


def _after_failure(row: PaidAnalysis, error: ProviderBusy | ProviderRefused) -> Reuse | Deferred:
    logger.warning("%s: %s", error.error_class, error, exc_info=error)
    if row.state in claims.FINISHED:
        return Reuse(row)
    if row.state == AnalysisState.REQUESTED and row.attempts:
        metrics.RETRIES.labels("analyze").inc()
        wait = _BACKOFF.delay(row.attempts, chance=_chance)
        wanted = error.after if isinstance(error, ProviderBusy) else None
        raise RetryLater(str(error), after=max(wait, wanted or wait)) from error
    return Deferred(error.error_class, waits=row.state == AnalysisState.WAITING)
