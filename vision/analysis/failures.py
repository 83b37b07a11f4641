"""What follows from a failed call: one table for the row, the circuit breaker and the budget."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final, NamedTuple

from vision.limits import circuit_breaker
from vision.providers.port import FailureKind, ProviderBusy, ProviderRefused, TokenUsage


class NextStep(Enum):
    """What the row does after the failure."""

    FAIL = auto()
    """Nobody asks about the picture again, unless a person wants it."""
    WAIT = auto()
    """The picture waits in the backlog; the failure does not count against it."""
    RETRY = auto()
    """This delivery tries again; after too many attempts the picture waits in the backlog."""


class BreakerSignal(Enum):
    SUCCESS = auto()
    FAILURE = auto()
    PAUSE = auto()


class Effect(NamedTuple):
    step: NextStep
    signal: BreakerSignal
    counts_estimate: bool = False
    """Nobody knows what was billed: the whole reservation counts as used."""


EFFECTS: Final[Mapping[FailureKind, Effect]] = {
    FailureKind.REFUSED: Effect(NextStep.FAIL, BreakerSignal.SUCCESS),
    FailureKind.MISCONFIGURED: Effect(NextStep.WAIT, BreakerSignal.PAUSE),
    FailureKind.THROTTLED: Effect(NextStep.RETRY, BreakerSignal.PAUSE),
    FailureKind.UNAVAILABLE: Effect(NextStep.RETRY, BreakerSignal.FAILURE),
    FailureKind.UNANSWERED: Effect(NextStep.RETRY, BreakerSignal.FAILURE, counts_estimate=True),
}


@dataclass(frozen=True, slots=True)
class FailedCall:
    """
    A failed call of a provider. `usage` was billed all the same.

    `pause_until`: nobody asks the provider before; None where it named no time.
    """

    kind: FailureKind
    error_class: str
    reason: str
    details: str
    usage: TokenUsage | None = None
    pause_until: datetime | None = None

    @property
    def effect(self) -> Effect:
        return EFFECTS[self.kind]


def failed_call(error: ProviderBusy | ProviderRefused, *, now: datetime) -> FailedCall:
    return FailedCall(
        kind=error.kind,
        error_class=error.error_class,
        reason=error.error_class if isinstance(error, ProviderBusy) else error.reason,
        details=str(error),
        usage=error.usage,
        pause_until=_pause_until(error, now=now),
    )


def _pause_until(error: ProviderBusy | ProviderRefused, *, now: datetime) -> datetime | None:
    """A rate limit pauses for as long as the provider asks, for everybody."""
    if error.kind is FailureKind.MISCONFIGURED:
        return now + circuit_breaker.PAUSE
    after = error.after if isinstance(error, ProviderBusy) else None
    if error.kind is FailureKind.THROTTLED and after:
        return now + after
    return None


def may_be_to_blame(provider: str, failure: FailedCall) -> bool:
    """
    Whether the picture may be what the call failed for, and is given up at some time.

    Not where the provider asks to slow down, or answers nobody: it has not looked at the picture.
    What may have been billed is given up all the same. Ask after `inform_breaker`.
    """
    if failure.effect.counts_estimate:
        return True
    return failure.kind is not FailureKind.THROTTLED and not circuit_breaker.is_open(provider)


def inform_breaker(provider: str, failure: FailedCall, *, now: datetime) -> None:
    """Let the circuit breaker know; in the transaction that settles the call, if there is one."""
    signal = failure.effect.signal
    if signal is BreakerSignal.FAILURE:
        maybe_billed = failure.effect.counts_estimate
        circuit_breaker.failed(
            provider, details=failure.details, now=now, maybe_billed=maybe_billed
        )
    elif signal is BreakerSignal.SUCCESS:
        circuit_breaker.succeeded(provider)
    elif failure.pause_until:
        circuit_breaker.pause(
            provider,
            reason=failure.error_class,
            details=failure.details,
            until=failure.pause_until,
        )
