"""Publish one event that a person wrote, after checking it against its schema."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import transaction
from pydantic import ValidationError

from events import schemas
from events.acted import acted
from events.errors import DomainError
from events.models import OutboxEvent
from events.outbox.publishing import publish
from events.schemas import Event


class EventRefused(DomainError):
    """The text is no event of the topic; nothing was published."""

    code: ClassVar[str] = "event_refused"


@dataclass(frozen=True, slots=True)
class PublishedByHand:
    """The event's row with its subscribers; `is_new` is False if it had been published before."""

    event: OutboxEvent
    subscribers: tuple[str, ...]
    is_new: bool
    unknown_fields: tuple[str, ...]


def publish_text(topic: str, text: str) -> PublishedByHand:
    """Raises EventRefused, which names each field that is wrong."""
    schema = _schema(topic)
    payload = _object(text)
    event = _validated(schema, payload)
    with transaction.atomic():
        is_new = publish(event)
        row = OutboxEvent.objects.get(
            topic=event.topic, version=event.version, idempotency_key=event.idempotency_key
        )
        deliveries = row.deliveries.order_by("subscriber").values_list("subscriber", flat=True)
        subscribers = tuple(deliveries)
        if is_new:
            after = {"topic": event.topic, "subscribers": subscribers}
            acted.send(
                OutboxEvent,
                event="event.published",
                tenant_id=row.tenant_id,
                target=row,
                before=None,
                after=after,
            )
    unknown = tuple(sorted(set(payload) - set(schema.model_fields)))
    return PublishedByHand(row, subscribers, is_new, unknown)


def _schema(topic: str) -> type[Event]:
    """Find the schema; a stream's name of the former system, `stream:a:b`, is that of a topic."""
    wanted = topic.removeprefix("stream:").replace(":", ".")
    known = {schema.topic: schema for schema in schemas.ALL}
    if wanted not in known:
        raise EventRefused(f"There is no topic {topic!r}; there are: {', '.join(sorted(known))}")
    return known[wanted]


def _object(text: str) -> Mapping[str, Any]:
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EventRefused(f"not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise EventRefused("not a JSON object")
    return payload


def _validated(schema: type[Event], payload: Mapping[str, Any]) -> Event:
    try:
        # As JSON, since that is what it is: a date is text there, and a number is no text.
        return schema.model_validate_json(json.dumps(payload), strict=False)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'event'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise EventRefused(f"not an event of {schema.topic}: {problems}") from error
