"""
Workers of the vision queues, to be killed: `python -m tests.acceptance.looker`.

For each line on stdin one more is forked, in a session of its own, by a parent that has imported
everything and has no connection. The worker tells its pid on stdout and begins.
"""

import os
import signal
import sys
import time

import django

django.setup()

from django.db import connection  # noqa: E402

from events.delivery import recovery, worker  # noqa: E402


def look() -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    print(os.getpid(), flush=True)  # noqa: T201
    recovered_at = 0.0
    while True:
        if time.monotonic() - recovered_at >= recovery.EVERY:
            recovery.run_all()
            recovered_at = time.monotonic()
        try:
            settled = worker.drain("vision").settled
        except worker.CONNECTION_BROKEN:  # as if the supervisor had replaced this worker
            connection.close()
            settled = 0
        time.sleep(0 if settled else 0.1)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed leave no zombies
    for _ in sys.stdin:
        if not os.fork():
            look()
