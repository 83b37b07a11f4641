"""Insert events in bulk; an event that was published before is left out."""

import json
from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from psycopg.errors import UniqueViolation

from events.schemas import Event

COPY_FROM = 200
"""
Number of events from which a COPY pays for its savepoint. 2 200 events cost less than half as much
as in one JSON document, which PostgreSQL parses twice.
"""

_COLUMNS = "topic, version, idempotency_key, payload, trace_id, tenant_id, occurred_at"

New = tuple[int, Event]
"""An event that was inserted, and its id."""


def insert(events: Sequence[Event], *, now: datetime) -> list[New]:
    """Insert the events that are new, and return them; of two with one key the first counts."""
    if len(events) >= COPY_FROM:
        return _insert_by_copy(events, now=now)
    return _insert_from_json(events, now=now)


def _found(inserted: Sequence[tuple[int, str, str, str]], among: Sequence[Event]) -> list[New]:
    """The events by id, topic, version and key of what was inserted."""
    by_key = {(e.topic, e.version, e.idempotency_key): e for e in reversed(among)}
    return [(number, by_key[topic, version, key]) for number, topic, version, key in inserted]


def _insert_from_json(events: Sequence[Event], *, now: datetime) -> list[New]:
    """Insert from one JSON document: one statement, whatever the number of events."""
    document = ",".join(_as_row(event) for event in events)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO events_outboxevent ({_COLUMNS}, created_at)
            SELECT {_COLUMNS}, %s FROM json_populate_recordset(NULL::events_outboxevent, %s)
            ON CONFLICT DO NOTHING
            RETURNING id, topic, version, idempotency_key
            """,  # noqa: S608 - a constant
            [now, f"[{document}]"],
        )
        return _found(cursor.fetchall(), events)


def _as_row(event: Event) -> str:
    """Build the JSON object of an event's row; the payload is serialized only once."""
    columns = {
        "topic": event.topic,
        "version": event.version,
        "idempotency_key": event.idempotency_key,
        "trace_id": event.trace_id,
        "tenant_id": event.tenant_id,
        "occurred_at": event.occurred_at.isoformat(),
    }
    head = json.dumps(columns, ensure_ascii=False)
    return f'{head[:-1]}, "payload": {event.model_dump_json()}}}'


def _insert_by_copy(events: Sequence[Event], *, now: datetime) -> list[New]:
    """
    Copy straight into the table, as if nothing of it were published before.

    COPY leaves nothing out: where an event exists already, another way is taken.
    """
    try:
        with transaction.atomic():
            return _insert_new(events, now=now)
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
    return _insert_from_copy(events, now=now)


def _insert_new(events: Sequence[Event], *, now: datetime) -> list[New]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('events_outboxevent', 'id'))"
            " FROM generate_series(1, %s)",
            [len(events)],
        )
        ids = [number for (number,) in cursor.fetchall()]
        with (
            connection.wrap_database_errors,
            cursor.copy(f"COPY events_outboxevent ({_COLUMNS}, created_at, id) FROM STDIN") as copy,
        ):
            created_at = now.isoformat()  # written once, not for each row
            for event, number in zip(events, ids, strict=True):
                copy.write_row((*_values(event), created_at, number))
    return list(zip(ids, events, strict=True))


def _insert_from_copy(events: Sequence[Event], *, now: datetime) -> list[New]:
    """Insert through a temporary table, which leaves out what exists already."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE staged_events ON COMMIT DROP AS"  # noqa: S608 - a constant
            f" SELECT {_COLUMNS} FROM events_outboxevent WITH NO DATA"
        )
        with (
            connection.wrap_database_errors,
            cursor.copy(f"COPY staged_events ({_COLUMNS}) FROM STDIN") as copy,
        ):
            for event in events:
                copy.write_row(_values(event))
        cursor.execute(
            f"""
            INSERT INTO events_outboxevent ({_COLUMNS}, created_at)
            SELECT {_COLUMNS}, %s FROM staged_events
            ON CONFLICT DO NOTHING
            RETURNING id, topic, version, idempotency_key
            """,  # noqa: S608 - a constant
            [now],
        )
        inserted = cursor.fetchall()
        # The same transaction may publish again, long before ON COMMIT DROP takes effect.
        cursor.execute("DROP TABLE staged_events")
        return _found(inserted, events)


def _values(event: Event) -> tuple[object, ...]:
    return (
        event.topic,
        event.version,
        event.idempotency_key,
        event.model_dump_json(),
        event.trace_id,
        event.tenant_id,
        event.occurred_at,
    )
