"""What the probe listens to: `to` names the subscriber, `work` says for how many seconds."""

import os
import time
from typing import ClassVar

from django.db import connection

from events.schemas import Event
from events.subscriptions import Mode, subscribe, unsubscribe

TABLE = """
    CREATE TABLE IF NOT EXISTS probe_handled (
        number bigint, subscriber text, pid int, at timestamptz DEFAULT clock_timestamp()
    )
"""


class Probe(Event):
    topic: ClassVar[str] = "test.probe"

    number: int
    to: str = "rows"
    work: float = 0


def note(event: Probe, **_: object) -> str:
    time.sleep(event.work)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO probe_handled (number, subscriber, pid) VALUES (%s, %s, %s)",
            [event.number, event.to, os.getpid()],
        )
    return "noted"


SUBSCRIBERS = (
    ("rows", "default", Mode.TRANSACTIONAL, 50),
    ("outside", "probe_outside", Mode.LEASED, 10),
    ("other", "probe_other", Mode.TRANSACTIONAL, 50),
)


def register() -> None:
    for name, queue, mode, batch in SUBSCRIBERS:
        subscribe(
            Probe, name=f"probe.{name}", queue=queue, mode=mode, batch=batch,
            when=lambda event, name=name: event.to == name,
        )(note)  # fmt: skip


def unregister() -> None:
    for name, *_ in SUBSCRIBERS:
        unsubscribe(f"probe.{name}")
