"""A worker of the vision queues, to be killed: `python -m tests.acceptance.looker`."""

import time

import django

django.setup()

from events.delivery import worker  # noqa: E402

if __name__ == "__main__":
    print("started", flush=True)  # noqa: T201
    while True:
        settled = worker.drain("vision").settled
        time.sleep(0 if settled else 0.1)
