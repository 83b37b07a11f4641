"""
Settle a delivery whose handler failed: another attempt, or a dead letter.

A dead letter is a delivery that is given up. It stays listed, is announced by an event of its
own, and can be replayed.
"""

import traceback
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom

from django.db import transaction
from django.db.models import Count, QuerySet
from pydantic import ValidationError

from events.acted import acted
from events.errors import DomainError
from events.logs.describe import describe
from events.models import Delivery, DeliveryState, OutboxEvent
from events.outbox import publish
from events.schemas import DeadLetterEventV1
from events.subscriptions import Subscription

SNIPPET_BYTES, DETAILS_CHARS, TRACE_CHARS = 1024, 500, 1000
"""Sizes of a dead letter's parts (CONTRACT §1.10)."""

NAMED = 20
"""How many replayed deliveries the record of a replay names."""

_chance = SystemRandom()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a handler did not succeed; `permanent` means that trying again changes nothing."""

    code: str
    details: str
    stack: str
    permanent: bool = False


WORKER_LOST = Failure(
    "worker_lost", "every worker that took this delivery was gone before it settled", ""
)
"""The failure of a delivery whose leases all ran out: it probably kills its workers."""


def failure_of(error: Exception) -> Failure:
    """Describe an error by a stable code, its message and the innermost frames of its stack."""
    details = _storable(describe(error))[:DETAILS_CHARS]
    if isinstance(error, ValidationError):
        return Failure("invalid_payload", details, "", permanent=True)
    code = error.code if isinstance(error, DomainError) else type(error).__name__
    return Failure(
        _storable(code)[:100],
        details,
        _storable("".join(traceback.format_tb(error.__traceback__))[-TRACE_CHARS:]),
        permanent=isinstance(error, DomainError) and error.permanent,
    )


def fail(
    subscription: Subscription, delivery: Delivery, failure: Failure, *, now: datetime
) -> bool:
    """Try again after a back-off, or make a dead letter; True if it became a dead letter."""
    if failure.permanent or subscription.backoff.exhausted(delivery.attempts):
        dead_letter(delivery, failure, now=now)
        return True
    wait = subscription.backoff.delay(delivery.attempts, chance=_chance)
    _record(delivery, failure, state=DeliveryState.PENDING, due_at=now + wait, now=now)
    return False


def dead_letter(delivery: Delivery, failure: Failure, *, now: datetime) -> None:
    """Give the delivery up and announce that with an event."""
    _record(delivery, failure, state=DeliveryState.DEAD, due_at=now, now=now)
    # An announcement that cannot be delivered is not announced again: that would never end.
    if delivery.event.topic != DeadLetterEventV1.topic:
        publish(_announcement(delivery, failure, now=now))


def replay(deliveries: QuerySet[Delivery], *, now: datetime) -> int:
    """Make the dead and finished ones of `deliveries` due again, with all attempts left."""
    chosen = deliveries.filter(state__in=(DeliveryState.DEAD, DeliveryState.DONE)).order_by()
    with transaction.atomic():
        _tell_of_replay(chosen)
        return chosen.update(
            state=DeliveryState.PENDING, attempts=0, due_at=now, finished_at=None, outcome=""
        )


def _tell_of_replay(chosen: QuerySet[Delivery]) -> None:
    """Once for each tenant, whose administrators see what is done to the own tasks."""
    tenants = chosen.values_list("event__tenant_id").annotate(tasks=Count("pk"))
    for tenant_id, count in sorted(tenants.order_by("event__tenant_id")):
        own = chosen.filter(event__tenant_id=tenant_id).order_by("pk")
        after = {"tasks": count, "first": list(own.values_list("pk", flat=True)[:NAMED])}
        acted.send(
            Delivery,
            event="tasks.replayed",
            tenant_id=tenant_id,
            target=None,
            before=None,
            after=after,
        )


def _record(
    delivery: Delivery, failure: Failure, *, state: DeliveryState, due_at: datetime, now: datetime
) -> None:
    delivery.first_failed_at = delivery.first_failed_at or now
    Delivery.objects.filter(pk=delivery.pk).update(
        state=state,
        due_at=due_at,
        leased_by=None,
        attempts=delivery.attempts,
        error_code=failure.code,
        error_details=failure.details,
        error_trace=failure.stack,
        first_failed_at=delivery.first_failed_at,
        last_failed_at=now,
        finished_at=now if state == DeliveryState.DEAD else None,
    )


def _announcement(delivery: Delivery, failure: Failure, *, now: datetime) -> DeadLetterEventV1:
    event = delivery.event
    payload = event.payload if isinstance(event.payload, dict) else {}
    return DeadLetterEventV1(
        trace_id=event.trace_id,
        tenant_id=event.tenant_id or "-",
        # With the time: a replayed delivery may die again, which is another event.
        idempotency_key=f"{delivery.pk}:{now.isoformat()}",
        base_event_type=event.topic,
        base_event_id=event.pk,
        subscriber=delivery.subscriber,
        delivery_id=delivery.pk,
        post_id=_text_or_none(payload.get("post_id")),
        payload_snippet=_snippet(event),
        error_code=failure.code,
        error_details=failure.details,
        error_stack_trace=failure.stack,
        retry_count=delivery.attempts,
        first_seen_at=delivery.first_failed_at or now,
        last_seen_at=now,
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _snippet(event: OutboxEvent) -> str:
    """Cut the payload by bytes, without leaving half a character at the end."""
    encoded = str(event.payload).encode(errors="replace")[:SNIPPET_BYTES]
    return encoded.decode(errors="ignore")[:SNIPPET_BYTES]


def _storable(text: str) -> str:
    """Replace what PostgreSQL refuses in text: NUL, and surrogates that are no Unicode."""
    return text.replace("\x00", "�").encode(errors="replace").decode()
