"""
One look per picture, ever: who may ask, who waits, and what becomes of the answer.

`claim` is the first beat: it finds the result if there is one, else takes the picture and its
tokens in one transaction. `settle_answer` and `settle_failure` are the last one. In between the
worker holds the claim's lock (`alive`), so that a killed one is noticed at once.

Locks are taken in this order: tenant, look, provider, budget.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from events import advisory_locks
from events.errors import RetryLater
from media.models import Post
from vision import metrics
from vision.analysis import backlog
from vision.duplicates import hash_index, reuse
from vision.duplicates.reuse import Comparison
from vision.limits import budget, circuit_breaker
from vision.limits.budget import Ceilings
from vision.models import LookState, PictureLook
from vision.providers.port import SCHEMA_VERSION, Analysis, TokenUsage, VisionProvider

SOON = timedelta(seconds=1)
"""When a delivery comes back whose picture another worker is looking at."""


class LookedAtNow(RetryLater):
    """Another worker is asking about this picture: its answer will be ours, too."""


@dataclass(frozen=True, slots=True)
class Picture:
    """
    One picture of a post, and how much it matters: fresh posts first, newer before older.

    `again`: a person wants another look; it may wait as long as it takes.
    """

    post: Post
    sha256: str
    live: bool
    again: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What the tenant's policy and the settings allow."""

    ceilings: Ceilings
    queue_depth: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A picture that is ours to ask about, and the tokens that are reserved for it."""

    look_id: int
    tenant_id: uuid.UUID
    claim_id: uuid.UUID
    reserved: int
    day: date


@dataclass(frozen=True, slots=True)
class NotNow:
    """Nobody asks about the picture now; `waits` for a real look later, or it does not."""

    reason: str
    waits: bool


def turn_of(tenant_id: uuid.UUID) -> str:
    """The name of the lock under which claims of a tenant are decided."""
    return f"vision:tenant:{tenant_id}"


def known(picture: Picture, provider: VisionProvider) -> PictureLook | None:
    """The finished row, result or definite no; without any lock."""
    return _rows(picture, provider).filter(state__in=(LookState.DONE, LookState.FAILED)).first()


@contextmanager
def alive() -> Iterator[uuid.UUID]:
    """A claim made and settled inside is known to be in living hands."""
    claim_id = uuid.uuid4()
    with advisory_locks.held(_lock(claim_id)):
        yield claim_id


def claim(
    picture: Picture,
    provider: VisionProvider,
    terms: Terms,
    compared: Comparison,
    *,
    claim_id: uuid.UUID,
    lease: timedelta,
    now: datetime,
) -> Claim | PictureLook | NotNow:
    """
    The right to ask, a result that is there already, or the reason for asking nobody.

    Raises LookedAtNow where somebody is asking about it or about a copy of it, RetryLater where
    the provider said when to come back. One short transaction; claims of one tenant take turns.
    """
    with transaction.atomic():
        advisory_locks.in_turn(turn_of(picture.post.tenant_id))
        row = _locked(picture, provider)
        if row.state in {LookState.DONE, LookState.FAILED}:
            return row
        _free_if_lost(row, now=now)
        if _borrow(row, compared, now=now):
            return row
        return _admit(picture, provider, terms, row, now=now) or _take(
            picture, provider, terms, row, claim_id=claim_id, lease=lease, now=now
        )


def adopt(picture: Picture, provider: VisionProvider, analysis: Analysis, *, now: datetime) -> None:
    """A result that the bucket still had although we did not: it was paid for before."""
    with transaction.atomic():
        row = _locked(picture, provider)
        if row.state in {LookState.OPEN, LookState.WAITING}:
            _finish(row, analysis, now=now)
            row.save()


def settle_answer(claim: Claim, analysis: Analysis, *, post: Post, now: datetime) -> PictureLook:
    """The picture and its tokens, in one transaction. Also for who was believed lost."""
    with transaction.atomic():
        row = PictureLook.objects.select_for_update().get(pk=claim.look_id)
        mine = row.claim_id == claim.claim_id
        was_waiting = bool(row.waits_for)
        _pay(row, claim, analysis.usage or _flat(analysis), mine=mine)
        circuit_breaker.succeeded(row.provider)
        if mine or row.state in {LookState.OPEN, LookState.WAITING, LookState.FAILED}:
            _finish(row, analysis, now=now)
            row.paid_by, row.same_as, row.distance = post, None, None
            hash_index.stand_alone(tenant=row.tenant, sha256=row.sha256)
        row.looked_at = now
        row.save()
        if was_waiting:
            backlog.tell_other_posts(row, but=post, now=now)
    return row


@dataclass(frozen=True, slots=True)
class Failure:
    """How a call failed. `final`: asking again about this picture changes nothing."""

    error_class: str
    reason: str
    details: str
    usage: TokenUsage | None = None
    maybe_billed: bool = False
    final: bool = False
    counts: bool = False
    pause_until: datetime | None = None
    blameless: bool = False


def settle_failure(
    claim: Claim, failure: Failure, *, terms: Terms, post: Post, now: datetime
) -> PictureLook:
    """
    Free the picture, settle what was billed all the same, and tell the breaker.

    The row that comes back is FAILED (a definite no), WAITING (given up for now), or OPEN: to
    be tried again by this delivery.
    """
    with transaction.atomic():
        row = PictureLook.objects.select_for_update().get(pk=claim.look_id)
        if not failure.maybe_billed:
            _pay(row, claim, failure.usage, mine=row.claim_id == claim.claim_id)
        elif row.claim_id == claim.claim_id:
            _write_off(row)
        _tell_breaker(row.provider, failure, now=now)
        if row.state != LookState.DONE and row.claim_id in {None, claim.claim_id}:
            _release(row)
            row.error_class, row.reason = failure.error_class, failure.reason[:50]
            row.error = failure.details[:200]
            row.paid_by = row.paid_by or (post if failure.usage else None)
            _next_state(row, failure, terms, now=now)
        row.save()
    return row


def put_back(claim: Claim) -> None:
    """Nobody was asked after all: no tokens, no attempt."""
    with transaction.atomic():
        row = PictureLook.objects.select_for_update().get(pk=claim.look_id)
        if row.claim_id == claim.claim_id:
            _pay(row, claim, None, mine=True, calls=0)
            _release(row)
            row.save()


def release_lost(*, now: datetime) -> int:
    """Free what dead workers held, for whoever asks next; their estimates count as spent."""
    freed = 0
    claimed = PictureLook.objects.filter(state=LookState.CLAIMED)
    for pk in list(claimed.values_list("pk", flat=True)):
        with transaction.atomic():
            row = claimed.select_for_update(skip_locked=True).filter(pk=pk).first()
            if row is not None and _lost(row, now=now):
                _write_off(row)
                freed += 1
    return freed


def _rows(picture: Picture, provider: VisionProvider) -> QuerySet[PictureLook]:
    return PictureLook.objects.filter(
        tenant_id=picture.post.tenant_id, sha256=picture.sha256, provider=provider.name,
        model=provider.model, schema_version=SCHEMA_VERSION,
    )  # fmt: skip


def _locked(picture: Picture, provider: VisionProvider) -> PictureLook:
    """The row, made if need be; it remembers the most important post that asked for it."""
    row, created = PictureLook.objects.select_for_update().get_or_create(
        tenant_id=picture.post.tenant_id,
        sha256=picture.sha256,
        provider=provider.name,
        model=provider.model,
        schema_version=SCHEMA_VERSION,
        defaults={"live": picture.live, "posted_at": picture.post.posted_at},
    )
    if not created:
        row.live = row.live or picture.live
        row.posted_at = max(row.posted_at or picture.post.posted_at, picture.post.posted_at)
    if picture.again and row.state in {LookState.OPEN, LookState.WAITING}:
        row.waits_for = backlog.REANALYSIS
    return row


def _free_if_lost(row: PictureLook, *, now: datetime) -> None:
    if row.state != LookState.CLAIMED:
        return
    if not _lost(row, now=now):
        raise LookedAtNow(f"{row.sha256[:12]} is being looked at", after=SOON)
    _write_off(row)


def _lost(row: PictureLook, *, now: datetime) -> bool:
    expired = row.claimed_until is not None and row.claimed_until <= now
    return expired or row.claim_id is None or not advisory_locks.is_held(_lock(row.claim_id))


def _write_off(row: PictureLook) -> None:
    if row.reserved_on is not None:
        budget.write_off(tenant_id=row.tenant_id, day=row.reserved_on, reserved=row.reserved_tokens)
    _release(row)
    row.calls += 1
    row.save()


def _borrow(row: PictureLook, compared: Comparison, *, now: datetime) -> bool:
    """Take over what was found in a copy; the look of that one was paid for."""
    found = reuse.lender(row, compared)
    if found is None:
        if reuse.being_looked_at(row, compared):
            raise LookedAtNow(f"a copy of {row.sha256[:12]} is being looked at", after=SOON)
        return False
    other, one = found
    _finish(row, Analysis.model_validate(other.analysis), now=now)
    row.same_as, row.distance = other, one.distance
    row.save()
    return True


def _admit(
    picture: Picture, provider: VisionProvider, terms: Terms, row: PictureLook, *, now: datetime
) -> NotNow | None:
    admission = circuit_breaker.admit(provider.name, now=now)
    if admission.allowed:
        return None
    if admission.worth_waiting and admission.until:
        raise RetryLater(admission.reason, after=admission.until - now)
    metrics.REQUESTS.labels("blocked", provider.name, str(picture.post.tenant_id)).inc()
    waits = backlog.enqueue(
        row, why=admission.reason, depth=terms.queue_depth, due_at=admission.until
    )
    return NotNow(admission.reason, waits)


def _take(
    picture: Picture,
    provider: VisionProvider,
    terms: Terms,
    row: PictureLook,
    *,
    claim_id: uuid.UUID,
    lease: timedelta,
    now: datetime,
) -> Claim | NotNow:
    tokens = budget.estimate(provider.name, provider.model).most
    reason = budget.reserve(
        tenant=picture.post.tenant, tokens=tokens, limits=terms.ceilings, live=row.live, now=now
    )
    if reason:
        tenant_id = str(picture.post.tenant_id)
        metrics.BUDGET_BLOCKS.labels(tenant_id, reason).inc()
        metrics.REQUESTS.labels("blocked", provider.name, tenant_id).inc()
        return NotNow(reason, backlog.enqueue(row, why=reason, depth=terms.queue_depth))
    row.state = LookState.CLAIMED
    row.claim_id, row.claimed_until = claim_id, now + lease
    row.reserved_tokens, row.reserved_on = tokens, budget.day_of(now)
    row.save()
    return Claim(row.pk, row.tenant_id, claim_id, tokens, row.reserved_on)


def _pay(
    row: PictureLook, claim: Claim, usage: TokenUsage | None, *, mine: bool, calls: int = 1
) -> None:
    """Of a claim that was written off meanwhile, the estimate gives way to the truth."""
    used = usage.total_tokens if usage else 0
    if mine:
        budget.settle(
            tenant_id=claim.tenant_id, day=claim.day, reserved=claim.reserved, used=used,
            calls=calls,
        )  # fmt: skip
        row.calls += calls
    else:
        budget.correct(tenant_id=claim.tenant_id, day=claim.day, assumed=claim.reserved, used=used)
    if usage:
        row.prompt_tokens += usage.prompt_tokens
        row.completion_tokens += usage.completion_tokens
        row.precached_prompt_tokens += usage.precached_prompt_tokens
        row.total_tokens += usage.total_tokens
        metrics.TOKENS.labels(row.provider, str(row.tenant_id)).inc(used)


def _finish(row: PictureLook, analysis: Analysis, *, now: datetime) -> None:
    _release(row)
    row.state, row.analysis = LookState.DONE, analysis.model_dump(mode="json")
    row.attempts, row.error_class, row.reason = 0, "", ""
    row.error, row.waits_for = "", ""
    row.due_at = row.asked_at = None
    row.looked_at = now


def _release(row: PictureLook) -> None:
    row.state = LookState.OPEN
    row.claim_id = row.claimed_until = row.reserved_on = None
    row.reserved_tokens = 0


def _tell_breaker(provider: str, failure: Failure, *, now: datetime) -> None:
    if failure.pause_until:
        circuit_breaker.pause(
            provider, reason=failure.error_class, details=failure.details,
            until=failure.pause_until,
        )  # fmt: skip
    elif failure.counts:
        circuit_breaker.failed(provider, details=failure.details, now=now)
    elif failure.final:
        circuit_breaker.succeeded(provider)


def _next_state(row: PictureLook, failure: Failure, terms: Terms, *, now: datetime) -> None:
    """Whom the failure does not blame waits; who failed too often rests, longer each time."""
    if failure.final:
        row.state, row.waits_for = LookState.FAILED, ""
        return
    if failure.blameless:
        backlog.enqueue(
            row, why=failure.error_class, depth=terms.queue_depth, due_at=failure.pause_until
        )
        return
    row.attempts += 1
    if row.attempts <= settings.VISION.vision_api_max_retries:
        return
    row.attempts, row.rounds = 0, row.rounds + 1
    if row.rounds > backlog.MOST_ROUNDS:
        row.state, row.waits_for = LookState.FAILED, ""
        return
    backlog.enqueue(
        row, why=failure.error_class, depth=terms.queue_depth, due_at=now + backlog.rest(row.rounds)
    )


def _flat(analysis: Analysis) -> TokenUsage:
    """Of a provider that returns only a total."""
    return TokenUsage(
        prompt_tokens=analysis.tokens_used, completion_tokens=0, total_tokens=analysis.tokens_used
    )


def _lock(claim_id: uuid.UUID) -> str:
    return f"vision:claim:{claim_id}"
