"""
A question that is sent again at once is answered and paid once: a second click, a page that is loaded
again, a program that did not wait for the answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta, tzinfo
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import get_language

from events.postgresql.advisory_locks import LockTimeout, held
from search.ask.answer import Answer, Reason, ask

KEPT: Final = timedelta(minutes=1)
"""So long after it was given, an answer that was paid is the answer to the same question."""
_BESIDES: Final = timedelta(seconds=15)
"""What an answer takes besides the provider: the search, and waiting for a place."""


def ask_once(
    user_id: object,
    question: str,
    tenants: Sequence[UUID],
    *,
    may_spend: Callable[[UUID], bool],
    zone: tzinfo | None = None,
) -> Answer:
    """
    Answer as `ask` does, or as it has just done for this user with these rights.

    Whoever sends it again meanwhile waits for that answer. Not inside a transaction.
    """
    rights = sorted((str(tenant), may_spend(tenant)) for tenant in tenants)
    told = repr((str(user_id), question, rights, str(zone), get_language()))
    key = f"search.ask:{sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()}"
    most = timedelta(seconds=settings.SEARCH.answer_seconds) + _BESIDES
    try:
        with held(key, timeout=most):
            if known := _kept(key):
                return known
            answer = ask(question, tenants, may_spend=may_spend, zone=zone)
            if answer.tokens:
                cache.set(key, (timezone.now(), answer), KEPT.total_seconds())
            return answer
    except LockTimeout:
        found = ask(question, tenants, may_spend=lambda _: False, zone=zone)
        return replace(found, reason=Reason.BUSY) if found.reason else found


def _kept(key: str) -> Answer | None:
    """The answer that was given a moment ago, also where the clock was set back since."""
    given_at, answer = cache.get(key) or (None, None)
    is_fresh = given_at is not None and abs(timezone.now() - given_at) <= KEPT
    return answer if is_fresh else None
