"""
A question is answered out of what the search finds, by a provider, with citations; or by what was found.

The answer is of one tenant: its passages alone are shown to the provider, and its budget pays. That
is the tenant of the best passage among those that may be asked about.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts import audit
from accounts.models import Tenant
from search.ask import prompt
from search.ask.check import Checked, Sentence, check
from search.ask.passages import Passage, passages_of
from search.query.problems import Problem
from search.services.find import Hits, find_text
from search.services.results.shown import shown
from vision.limits.concurrency import LimitReached
from vision.providers import get_gigachat_text
from vision.providers.port import ProviderBusy, ProviderMisconfigured, ProviderRefused
from vision.providers.text_port import TextProvider, TextRequest, WrittenText
from vision.services.written_text import NotAsked, write_text

logger = logging.getLogger(__name__)
SEARCHED: Final = 40
"""Hits that are looked at; passages of one tenant are taken of them."""


class Status(StrEnum):
    """What came of a question; PASSAGES: nobody was asked, or nothing was answered; see `reason`."""

    ANSWERED = "answered"
    UNKNOWN = "unknown"
    PASSAGES = "passages"


class Reason(StrEnum):
    """Why there are only passages."""

    ANSWERS_OFF = "answers_off"
    NOT_CONFIGURED = "not_configured"
    NOT_ALLOWED = "not_allowed"
    NO_TOKENS = "no_tokens"
    PAUSED = "provider_paused"
    BUSY = "provider_busy"
    FAILED = "provider_failed"
    REFUSED = "provider_refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What is known about a question. `sentences` only where `status` is ANSWERED, each with the
    numbers of its `passages`; `detail` is more about `reason`; `dropped` counts sentences of the
    provider that cited nothing that it was given; `tokens` is what the answer cost.
    """

    status: Status
    passages: tuple[Passage, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    reason: Reason | None = None
    detail: str = ""
    dropped: int = 0
    tokens: int = 0
    degraded: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def text(self) -> str:
        """The answer as one text with its citations; empty where there is none."""
        return " ".join(
            f"{one.text} {''.join(f'[{number}]' for number in one.citations)}"
            for one in self.sentences
        )


class _Unanswered(Exception):
    """There are only passages, for this reason."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def ask(
    question: str,
    tenants: Sequence[UUID],
    *,
    may_spend: Callable[[UUID], bool],
    zone: tzinfo | None = None,
) -> Answer:
    """
    Answer a question out of the posts of `tenants`, for those who have asked `accounts.access`.

    `may_spend` says whether whoever asks may spend the tokens of a tenant. Takes at most the time
    of a search, of waiting for a place, and `SEARCH_ANSWER_SECONDS`. Not inside a transaction.
    """
    found = find_text(question, tenants, zone=zone, limit=SEARCHED)
    passages = _passages(found, may_spend)
    known = {"passages": passages, "degraded": found.degraded, "problems": found.problems}
    if not passages:
        return Answer(Status.UNKNOWN, **known)  # type: ignore[arg-type]
    try:
        written, checked = _answered(
            question, passages, may_spend, zone or timezone.get_current_timezone()
        )
    except _Unanswered as only:
        return Answer(Status.PASSAGES, reason=only.reason, detail=only.detail, **known)  # type: ignore[arg-type]
    return Answer(
        Status.ANSWERED if checked.sentences else Status.UNKNOWN,
        sentences=checked.sentences,
        dropped=checked.dropped,
        tokens=written.usage.total_tokens,
        **known,  # type: ignore[arg-type]
    )


def _passages(found: Hits, may_spend: Callable[[UUID], bool]) -> tuple[Passage, ...]:
    """Choose passages of the best tenant whose tokens may be spent, else of the best one."""
    hits = shown(found)
    owners = list(dict.fromkeys(hit.post.tenant_id for hit in hits))
    owner = next((one for one in owners if may_spend(one)), owners[0] if owners else None)
    own = [hit for hit in hits if hit.post.tenant_id == owner]
    return passages_of(own, most=settings.SEARCH.answer_passages)


def _answered(
    question: str, passages: Sequence[Passage], may_spend: Callable[[UUID], bool], zone: tzinfo
) -> tuple[WrittenText, Checked]:
    provider, tenant_id = _provider(), passages[0].tenant_id
    if not may_spend(tenant_id):
        raise _Unanswered(Reason.NOT_ALLOWED)
    mark = secrets.token_hex(5)
    request = TextRequest(
        instructions=prompt.INSTRUCTIONS,
        content=prompt.content_of(question, passages, mark=mark, zone=zone),
        max_tokens=settings.SEARCH.answer_tokens,
    )
    written = _written(provider, request, Tenant.objects.get(pk=tenant_id))
    if written.is_refused:
        raise _Unanswered(Reason.REFUSED)
    texts = {one.number: one.text for one in passages}
    return written, check(written.text, texts, instructions=prompt.INSTRUCTIONS, mark=mark)


def _provider() -> TextProvider:
    search = settings.SEARCH
    if search.answers == "none":
        raise _Unanswered(Reason.ANSWERS_OFF)
    try:
        provider = get_gigachat_text(model=search.answer_model, seconds=search.answer_seconds)
    except ProviderMisconfigured as error:
        raise _Unanswered(Reason.FAILED, str(error)) from error
    if provider is None:
        raise _Unanswered(Reason.NOT_CONFIGURED)
    return provider


def _written(provider: TextProvider, request: TextRequest, tenant: Tenant) -> WrittenText:
    try:
        written = write_text(provider, request, tenant)
    except NotAsked as error:
        reason = Reason.NO_TOKENS if error.is_about_tokens else Reason.PAUSED
        raise _Unanswered(reason, error.reason) from error
    except LimitReached as error:
        raise _Unanswered(Reason.BUSY) from error
    except (ProviderBusy, ProviderRefused) as error:
        logger.warning("no answer to a question: %s", error, exc_info=error)
        raise _Unanswered(_reason(error), error.error_class) from error
    audit.record(
        "question.asked", target=tenant, tenant=tenant, after={"tokens": written.usage.total_tokens}
    )
    return written


def _reason(error: ProviderBusy | ProviderRefused) -> Reason:
    return Reason.BUSY if isinstance(error, ProviderBusy) else Reason.FAILED
