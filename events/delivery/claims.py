"""Claim deliveries and settle them. The database decides who has which."""

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom

from django.db import transaction
from django.db.models import F
from pydantic import ValidationError

from events.errors import DomainError, RetryLater
from events.models import OPEN_STATES, Delivery, DeliveryState, OutboxEvent
from events.outbox import publish
from events.schemas import DeadLetterEventV1
from events.subscriptions import Subscription

POSTPONE_DEFAULT = timedelta(seconds=30)
"""How long `RetryLater` waits when its raiser does not know better."""
SNIPPET_BYTES, DETAILS_CHARS, TRACE_CHARS = 1024, 500, 1000
"""Sizes of a dead letter's parts (CONTRACT §1.10)."""

_chance = SystemRandom()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a handler did not succeed; `permanent` means that trying again changes nothing."""

    code: str
    details: str
    stack: str
    permanent: bool = False


def due(subscription: Subscription, *, limit: int, now: datetime) -> list[Delivery]:
    """Lock up to `limit` due deliveries, oldest first, skipping what others hold."""
    return list(
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("event")
        .filter(subscriber=subscription.name, state__in=OPEN_STATES, due_at__lte=now)
        .order_by("due_at", "id")[:limit]
    )


def anything_due(subscription: Subscription, *, now: datetime) -> bool:
    return Delivery.objects.filter(
        subscriber=subscription.name, state__in=OPEN_STATES, due_at__lte=now
    ).exists()


def lease(subscription: Subscription, *, limit: int, now: datetime) -> list[Delivery]:
    """
    Take up to `limit` due deliveries until `now + lease`.

    A delivery whose lease ran out time after time has killed its workers: it is buried.
    """
    until = now + subscription.lease
    with transaction.atomic():
        deliveries = due(subscription, limit=limit, now=now)
        lost = [d for d in deliveries if subscription.backoff.exhausted(d.attempts)]
        for delivery in lost:
            bury(delivery, _WORKER_LOST, now=now)
        taken = [d for d in deliveries if d not in lost]
        for delivery in taken:
            delivery.state, delivery.due_at = DeliveryState.LEASED, until
            delivery.attempts += 1
        Delivery.objects.filter(pk__in=[d.pk for d in taken]).update(
            state=DeliveryState.LEASED, due_at=until, attempts=F("attempts") + 1
        )
    return taken


def still_leased(deliveries: Sequence[Delivery]) -> set[int]:
    """Ids of those whose lease still stands; locks their rows until the transaction ends."""
    tokens = {delivery.pk: delivery.due_at for delivery in deliveries}
    rows = Delivery.objects.select_for_update().filter(pk__in=tokens, state=DeliveryState.LEASED)
    found = rows.order_by("pk").values_list("pk", "due_at")
    return {pk for pk, due_at in found if tokens[pk] == due_at}


def finish(deliveries: Iterable[Delivery], *, outcome: str, now: datetime) -> None:
    Delivery.objects.filter(pk__in=[d.pk for d in deliveries]).update(
        state=DeliveryState.DONE, finished_at=now, outcome=outcome[:100]
    )


def postpone(delivery: Delivery, wait: RetryLater, *, now: datetime) -> None:
    """Not a failure: the attempt does not count."""
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.PENDING,
        due_at=now + (wait.after if wait.after is not None else POSTPONE_DEFAULT),
        attempts=max(delivery.attempts - 1, 0),
        outcome=f"later: {wait}"[:100],
    )


def fail(
    subscription: Subscription, delivery: Delivery, failure: Failure, *, now: datetime
) -> bool:
    """Try again after a back-off, or give up; True when it was given up."""
    if failure.permanent or subscription.backoff.exhausted(delivery.attempts):
        bury(delivery, failure, now=now)
        return True
    wait = subscription.backoff.delay(delivery.attempts, chance=_chance)
    _record(delivery, failure, state=DeliveryState.PENDING, due_at=now + wait, now=now)
    return False


def bury(delivery: Delivery, failure: Failure, *, now: datetime) -> None:
    """Make a dead letter of it and announce that."""
    _record(delivery, failure, state=DeliveryState.DEAD, due_at=now, now=now)
    if delivery.event.topic != DeadLetterEventV1.topic:
        publish(_announcement(delivery, failure, now=now))


def failure_of(error: Exception) -> Failure:
    """A stable code, the message and the innermost frames of the stack."""
    if isinstance(error, ValidationError):
        complaints = error.errors(include_input=False, include_url=False, include_context=False)
        return Failure(
            "invalid_payload", _storable(str(complaints))[:DETAILS_CHARS], "", permanent=True
        )
    code = error.code if isinstance(error, DomainError) else type(error).__name__
    stack = "".join(traceback.format_tb(error.__traceback__))[-TRACE_CHARS:]
    permanent = isinstance(error, DomainError) and error.permanent
    return Failure(
        _storable(code)[:100], _storable(str(error))[:DETAILS_CHARS], _storable(stack), permanent
    )


_WORKER_LOST = Failure(
    "worker_lost", "every worker that took this delivery was gone before it settled", ""
)


def _record(
    delivery: Delivery, failure: Failure, *, state: DeliveryState, due_at: datetime, now: datetime
) -> None:
    delivery.first_failed_at = delivery.first_failed_at or now
    Delivery.objects.filter(pk=delivery.pk).update(
        state=state,
        due_at=due_at,
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
    encoded = str(event.payload).encode(errors="replace")[:SNIPPET_BYTES]
    return encoded.decode(errors="ignore")[:SNIPPET_BYTES]


def _storable(text: str) -> str:
    """PostgreSQL refuses NUL in text, and what is no Unicode."""
    return text.replace("\x00", "�").encode(errors="replace").decode()


def mark_done(deliveries: Sequence[tuple[Delivery, str]], *, now: datetime) -> None:
    """Settle what a leased batch got done, one statement per distinct outcome."""
    for outcome in {outcome for _, outcome in deliveries}:
        finish([d for d, o in deliveries if o == outcome], outcome=outcome, now=now)
