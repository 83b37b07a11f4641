"""
Publishes probes from a process of its own: `python -m tests.acceptance.probe.publisher`.

Reads commands from standard input: `TO FIRST COUNT RATE`, `RATE` a second, 0 for all at once.
Answers each with `published N`, where an event whose publishing failed is published again, as a
client does that got an error; or with `refused ERROR` where `RATE` is 0.
"""

import sys
import time

import django

django.setup()

from django.db import Error, connection, transaction  # noqa: E402 - after django.setup()

from events import outbox  # noqa: E402
from tests.acceptance.probe.handlers import Probe  # noqa: E402


def publish(to: str, number: int) -> None:
    with transaction.atomic():
        outbox.publish(Probe(tenant_id="t", idempotency_key=f"{to}:{number}", number=number, to=to))


def publish_steadily(to: str, first: int, count: int, rate: float) -> None:
    started = time.monotonic()
    for number in range(first, first + count):
        time.sleep(max(0.0, started + (number - first) / rate - time.monotonic()))
        while True:
            try:
                publish(to, number)
                break
            except Error:
                connection.close()
                time.sleep(0.2)


def obey(line: str) -> str:
    to, first, count, rate = line.split()
    if float(rate):
        publish_steadily(to, int(first), int(count), float(rate))
        return f"published {count}"
    try:
        for number in range(int(first), int(first) + int(count)):
            publish(to, number)
    except Error as error:
        return f"refused {error}".replace("\n", " ")
    return f"published {count}"


if __name__ == "__main__":
    connection.ensure_connection()
    print("ready", flush=True)  # noqa: T201 - the protocol
    for line in sys.stdin:
        print(obey(line), flush=True)  # noqa: T201
