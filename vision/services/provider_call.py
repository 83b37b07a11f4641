"""
One call of the paid provider for a claimed picture: claim → call → settle.

The call is made within the concurrency limits and with no transaction open. Whatever comes of it
is settled in one transaction: the answer, a failure, or that the limit was reached.
"""

import logging
import random
import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from events.errors import RetryLater
from events.retry import Backoff
from vision import metrics
from vision.analysis import claims
from vision.analysis.admission import Deferred, Reuse
from vision.analysis.claims import Claim
from vision.analysis.failures import failed_call
from vision.limits import budget, concurrency
from vision.models import AnalysisState
from vision.providers.port import Analysis, ProviderBusy, ProviderRefused
from vision.services.paid_request import PaidRequest

logger = logging.getLogger(__name__)
_chance = random.SystemRandom()
_BACKOFF = Backoff()
_LEASE_MARGIN = timedelta(minutes=2)


def ask(request: PaidRequest, claim: Claim) -> Reuse | Deferred:
    """Call the provider and settle the claim, whatever comes of it."""
    provider, post = request.provider, request.analysis.post
    try:
        analysis = _call(request)
    except concurrency.LimitReached:
        claims.cancel(claim)
        raise
    except (ProviderBusy, ProviderRefused) as error:
        metrics.REQUESTS.labels("error", provider.name, str(post.tenant_id)).inc()
        return _settle_failure(request, claim, error)
    metrics.REQUESTS.labels("success", provider.name, str(post.tenant_id)).inc()
    return Reuse(claims.settle_answer(claim, analysis, post=post, now=timezone.now()))


def lease() -> timedelta:
    """How long a claim may take: waiting for the limit, then upload, question and deletion."""
    calls = 3 * timedelta(seconds=settings.GIGACHAT.vision_timeout)
    return concurrency.PATIENCE + calls + _LEASE_MARGIN


def concurrency_limit() -> int:
    """Calls of the provider that may be in progress at once, over all tenants and hosts."""
    return int(settings.GIGACHAT.concurrent_requests)


def _call(request: PaidRequest) -> Analysis:
    """The network call and nothing else, within the concurrency limits."""
    provider, prompt, prepared = request.provider, request.prompt, request.prepared
    with concurrency.acquire_all(_limits(request), is_recent=request.analysis.is_recent):
        started = time.monotonic()
        analysis = provider.analyze_prepared(prepared, prompt=prompt, now=timezone.now())
        seconds = time.monotonic() - started
    has_ocr = str(analysis.ocr is not None).lower()
    metrics.DURATION.labels(provider.name, has_ocr).observe(seconds)
    return analysis


def _limits(request: PaidRequest) -> list[tuple[str, int]]:
    """The tenant's limit before that of all: who waits for the first holds none of the other."""
    name, total = f"vision:{request.provider.name}", concurrency_limit()
    own = _tenant_limit(request)
    tenant = [(f"{name}:{request.analysis.post.tenant_id}", own)] if own < total else []
    return [*tenant, (name, total)]


def _tenant_limit(request: PaidRequest) -> int:
    """
    The policy's limit, within that of all tenants. An explicit GIGACHAT_MAX_CONCURRENT_REQUESTS
    replaces what the policy file says, but not what the tenant's own settings say.
    """
    total, configured = concurrency_limit(), settings.GIGACHAT.max_concurrent_requests
    own = budget.own_limits(request.analysis.post.tenant)
    if configured and "max_concurrent_requests" not in own:
        return total
    return min(total, request.policy.limits.max_concurrent_requests)


def _settle_failure(
    request: PaidRequest, claim: Claim, error: ProviderBusy | ProviderRefused
) -> Reuse | Deferred:
    now = timezone.now()
    row = claims.settle_failure(
        claim,
        failed_call(error, now=now),
        queue_depth=request.terms.queue_depth,
        post=request.analysis.post,
        now=now,
    )
    logger.warning("%s: %s", error.error_class, error)
    if row.state in claims.FINISHED:
        return Reuse(row)
    if row.state == AnalysisState.REQUESTED and row.attempts:
        metrics.RETRIES.labels("analyze").inc()
        wait = _BACKOFF.delay(row.attempts, chance=_chance)
        wanted = error.after if isinstance(error, ProviderBusy) else None
        raise RetryLater(str(error), after=max(wait, wanted or wait)) from error
    return Deferred(error.error_class, waits=row.state == AnalysisState.WAITING)
