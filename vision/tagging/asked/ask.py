"""
Ask the paid tagger about posts, each question once, within the tenant's budget.

An answer is written down before anything else is done, so a killed worker asks again at most what
nobody has answered. Where there is none, the reason says why, and the local tagger stands in.
"""

import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Tenant
from events.errors import RetryLater
from events.postgresql.advisory_locks import LockTimeout, held
from vision import metrics as vision_metrics
from vision.analysis.failures import NextStep, failed_call, inform_breaker
from vision.analysis.recency import is_recent_post
from vision.limits import budget, circuit_breaker
from vision.limits.concurrency import LimitReached
from vision.models import ProviderHealth, TagAnswer
from vision.policy.schema import PolicyRefused
from vision.providers import get_gigachat_text
from vision.providers.port import ErrorClass, ProviderBusy, ProviderMisconfigured, ProviderRefused
from vision.providers.text_port import TextProvider, TextRequest, WrittenText
from vision.services.provider_call import saved_patiently
from vision.services.written_text import IN_USE, NotAsked, write_text
from vision.tagging import metrics
from vision.tagging import settings as tagging
from vision.tagging.asked import kept, question
from vision.tagging.asked.kept import Answers
from vision.tagging.asked.reply import tags_of
from vision.tagging.material import KnownPost
from vision.tagging.port import PROVIDER, FoundTag

logger = logging.getLogger(__name__)
PATIENCE: Final = timedelta(minutes=1)
"""How long a post waits for a place among the calls, or for another worker that asks the same."""
MOST_SECONDS: Final = 240.0
"""Of one batch; what is not asked by then is asked when the batch comes back."""
AGAIN: Final = timedelta(seconds=5)
POLICY: Final = "policy_refused"
SHARDS: Final = "0123456789abcdef"
BUSY, NOT_CONFIGURED, UNUSABLE, REFUSED = (
    "busy",
    "not_configured",
    "answer_unusable",
    "tags_refused",
)


class _Missed(Exception):
    """Nobody answers this question now; `goes_on`: it is worth asking again in a while."""

    def __init__(self, reason: str, *, goes_on: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.goes_on = reason, goes_on


def is_on(tenant: Tenant) -> bool:
    """Whether posts of this tenant are tagged by the tagger that costs tokens."""
    return tagging.tagger(tenant) == PROVIDER


def is_on_somewhere() -> bool:
    """Whether there can be a tenant whose posts are tagged by it; one query at most."""
    return bool(settings.VISION.tagger == PROVIDER) or tagging.have_chosen(PROVIDER)


def model_name() -> str:
    return str(settings.VISION.tagging_model or settings.GIGACHAT.model_name)


def lock_name(tenant_id: object, digest: str) -> str:
    return f"vision:tagger:{tenant_id}:{digest[0]}"


def answers_for(posts: Sequence[KnownPost], *, waits: bool) -> dict[UUID, Answers]:
    """
    What the tagger says of these posts, by tenant. Not inside a transaction.

    With `waits` RetryLater is raised where a question is worth asking again in a while; the answers
    that came are kept. Without, whatever has no answer at once is missed.
    """
    until, again = time.monotonic() + MOST_SECONDS, ""
    of_tenants: dict[UUID, dict[str, KnownPost]] = defaultdict(dict)
    for one in posts:
        if is_worth_asking(one):
            of_tenants[one.post.tenant_id][question.digest_of(one.material)] = one
    found = {}
    for tenant_id, asked in of_tenants.items():
        found[tenant_id] = answers = _kept(tenant_id, asked)
        open_ = {digest: one for digest, one in asked.items() if digest not in answers}
        if open_:
            again = _ask_all(open_, answers, until=until if waits else None) or again
    if waits and again:
        raise RetryLater(f"the tagger is asked again: {again}", after=AGAIN)
    return found


def is_worth_asking(one: KnownPost) -> bool:
    """Whether there are words enough in the post, or in what was seen of it."""
    return question.is_worth_asking(one.material, min_chars=settings.VISION.tagging_min_chars)


def _kept(tenant_id: UUID, digests: Collection[str]) -> Answers:
    answers = Answers()
    for row in kept.final(tenant_id, model_name(), digests):
        answers.add(row)
    return answers


def _provider() -> TextProvider:
    vision = settings.VISION
    try:
        found = get_gigachat_text(model=model_name(), seconds=vision.tagging_seconds)
    except ProviderMisconfigured as error:
        raise _Missed(error.reason) from error
    if found is None:
        raise _Missed(NOT_CONFIGURED)
    return found


def _ask_all(posts: Mapping[str, KnownPost], answers: Answers, *, until: float | None) -> str:
    """Ask about posts of one tenant; why it is worth asking again, or an empty string."""
    try:
        provider = _provider()
    except _Missed as missed:
        answers.missed.update(dict.fromkeys(posts, missed.reason))
        return ""
    again, known = "", kept.most_used(next(iter(posts.values())).post.tenant)
    for digest, one in posts.items():
        if until is not None and time.monotonic() > until:
            return again or BUSY
        try:
            answers.add(_answer(_Call(provider, one, digest, known)))
        except _Missed as missed:
            answers.missed[digest] = missed.reason
            again = again or (missed.reason if missed.goes_on else "")
    return again


@dataclass(frozen=True, slots=True)
class _Call:
    """One question about a post; `known` are tags to offer, `mark` sets its parts apart."""

    provider: TextProvider
    one: KnownPost
    digest: str
    known: Sequence[str]
    mark: str = field(default_factory=lambda: secrets.token_hex(5))

    @property
    def request(self) -> TextRequest:
        content = question.content_of(self.one.material, self.known, mark=self.mark)
        tokens: int = settings.VISION.tagging_max_output_tokens
        return TextRequest(question.INSTRUCTIONS, content, tokens)

    def keep(self, tags: Sequence[FoundTag] | None, **more: Any) -> TagAnswer:
        """Write the answer down, also while the database is away for a moment."""
        post, model, now = self.one.post, self.provider.model, timezone.now()
        return saved_patiently(lambda: kept.keep(post, model, self.digest, tags, now=now, **more))


def _answer(call: _Call) -> TagAnswer:
    """The row of the answer, asked for once by whoever comes first; raises _Missed."""
    post = call.one.post
    try:
        with held(lock_name(post.tenant_id, call.digest), timeout=PATIENCE):
            if found := kept.final(post.tenant_id, call.provider.model, [call.digest]):
                return found[0]  # another worker has asked meanwhile
            return _asked(call)
    except LockTimeout as error:
        raise _Missed(BUSY, goes_on=True) from error


def _asked(call: _Call) -> TagAnswer:
    post, started, rows = call.one.post, time.monotonic(), []

    def keep(written: WrittenText) -> None:
        rows.append(_kept_answer(call, written, seconds=time.monotonic() - started))

    try:
        is_recent = is_recent_post(post.posted_at, at=post.created_at)
        write_text(
            call.provider, call.request, post.tenant,
            is_recent=is_recent, patience=PATIENCE, keep=keep,
        )  # fmt: skip
    except NotAsked as error:
        raise _not_asked(call, error) from error
    except LimitReached as error:
        raise _Missed(BUSY, goes_on=True) from error
    except PolicyRefused as error:
        logger.warning("no tags for %s: %s", post.pk, error)
        raise _Missed(POLICY) from error
    except (ProviderBusy, ProviderRefused) as error:
        return _failed(call, error)
    return rows[0]


def _kept_answer(call: _Call, written: WrittenText, *, seconds: float) -> TagAnswer:
    cut = written.is_cut or written.is_refused
    tags = None if cut else tags_of(written.text, mark=call.mark)
    reason = REFUSED if written.is_refused else "" if tags is not None else UNUSABLE
    row = call.keep(tags, tokens=written.usage.total_tokens, reason=reason, seconds=seconds)
    metrics.count_asked(call.provider.model, seconds=seconds, failure=reason)
    return row


def _not_asked(call: _Call, error: NotAsked) -> _Missed:
    """Tokens in use and a short pause are worth waiting for; limits and an open breaker are not."""
    tenant_id = str(call.one.post.tenant_id)
    if error.reason in budget.REASONS:
        vision_metrics.BUDGET_BLOCKS.labels(tenant_id, error.reason).inc()
        logger.warning(
            "Budget exhausted: tenant %s, %s", tenant_id, error.reason,
            extra={
                "tenant_id": tenant_id, "reason": error.reason, "post_id": str(call.one.post.pk),
            },
        )  # fmt: skip
    goes_on = error.reason in {IN_USE, ErrorClass.RETRYABLE_RATE_LIMIT}
    return _Missed(error.reason, goes_on=goes_on and not _is_long_pause(call.provider.name))


def _is_long_pause(provider: str) -> bool:
    until = timezone.now() + circuit_breaker.WORTH_WAITING
    return ProviderHealth.objects.filter(provider=provider, paused_until__gt=until).exists()


def _failed(call: _Call, error: ProviderBusy | ProviderRefused) -> TagAnswer:
    """Let the circuit breaker know; what the provider refuses for good is not asked again."""
    now, post = timezone.now(), call.one.post
    failure = failed_call(error, now=now)
    logger.warning("no tags for %s: %s", post.pk, error, exc_info=error)
    metrics.count_asked(call.provider.model, failure=failure.error_class)
    with transaction.atomic():
        inform_breaker(call.provider.name, failure, now=now)
    tokens = failure.usage.total_tokens if failure.usage else 0
    if failure.effect.step is NextStep.FAIL:
        return call.keep(None, tokens=tokens, reason=failure.reason)
    goes_on = kept.failed(
        post, call.provider.model, call.digest, now=now, reason=failure.reason, tokens=tokens
    )
    is_transient = failure.effect.step is NextStep.RETRY
    raise _Missed(failure.error_class, goes_on=goes_on and is_transient) from error
