"""
Tokens of texts that other rooms give to the paid provider: out of the same budget as pictures.

How many tokens a text costs is known from the answer only. Before the request the most that it can
cost is counted as used; afterwards the real usage replaces it. Where no answer came, it stays.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from accounts.models import Tenant
from events.errors import RetryLater
from vision import metrics
from vision.limits import budget, ceiling, concurrency, written_off
from vision.policy.loader import current_policy
from vision.services.provider_call import caller_of, concurrency_limit

PROVIDER: Final = "gigachat"
AROUND: Final = 16
"""Tokens that a request may cost for each text besides its own."""
TRY_AGAIN: Final = timedelta(minutes=30)
"""How soon it is worth asking for tokens again where a limit refuses them: a person may raise it."""


class TokensRefused(RetryLater):
    """The tenant's budget has no room for the texts; nobody was asked."""


@dataclass(slots=True)
class Bill:
    """`tokens` is what the texts cost; None while nobody knows."""

    tokens: int | None = None


def most_tokens(texts: Sequence[str]) -> int:
    """What texts can cost at most: no tokenizer makes more tokens of a text than it has bytes."""
    return sum(len(text.encode("utf-8", "replace")) + AROUND for text in texts)


@contextmanager
def paid_texts(
    tenant: Tenant, texts: Sequence[str], *, model: str, is_recent: bool, patience: timedelta
) -> Iterator[Bill]:
    """
    Inside, the provider may be asked about the texts once; the bill says what it cost.

    Holds one of the places that the provider allows. Raises TokensRefused, and LimitReached where
    no place is free within `patience`. Not inside a transaction.
    """
    share = replace(caller_of(tenant, current_policy(tenant)), share=1)
    with concurrency.acquire(
        f"vision:{PROVIDER}",
        limit=concurrency_limit(),
        of=share,
        is_recent=is_recent,
        patience=patience,
    ):
        now, bill = timezone.now(), Bill()
        assumed = _written_off(tenant, texts, model=model, is_recent=is_recent, now=now)
        try:
            yield bill
        finally:
            if bill.tokens is not None:
                written_off.correct(
                    tenant, PROVIDER, model, assumed=assumed, used=bill.tokens, now=now
                )


def _written_off(
    tenant: Tenant, texts: Sequence[str], *, model: str, is_recent: bool, now: datetime
) -> budget.Reserved:
    def most() -> int:
        learned = math.ceil(ceiling.most_seen(PROVIDER, model) * ceiling.MARGIN)
        return max(most_tokens(texts), learned)

    reserved = written_off.write_off(tenant, most, is_recent=is_recent, now=now)
    if not reserved.tokens:
        raise _refusal(tenant, reserved)
    return reserved


def _refusal(tenant: Tenant, reserved: budget.Reserved) -> TokensRefused:
    if reserved.must_wait:
        return TokensRefused(
            f"the last tokens of {tenant.name} are in use", after=timedelta(seconds=5)
        )
    metrics.BUDGET_BLOCKS.labels(str(tenant.pk), reserved.refused_by).inc()
    return TokensRefused(
        f"no tokens are left to {tenant.name}: {reserved.refused_by}", after=TRY_AGAIN
    )
