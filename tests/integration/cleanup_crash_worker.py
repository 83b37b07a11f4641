"""
Cleanups to be killed: `python -m tests.integration.cleanup_crash_worker DB ROOT LIMITS`.

For each line on stdin, the name of a step, a cleanup is forked by a parent that has imported
everything and has no connection. It works in small batches as a task taken out of django-q2's
queue (if there is one), tells its pid when it comes to the step, and waits there to be killed.
LIMITS: bytes of the bucket, of the emergency threshold and of the target.
"""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from events.queue import Broker  # noqa: E402
from storage_quota import tasks  # noqa: E402
from storage_quota.cleanup import execution, runner  # noqa: E402
from storage_quota.object_store import use  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402
from storage_quota.reservations import release  # noqa: E402
from telegram_assistant.config import Limits  # noqa: E402

BATCHES = 2
"""How often a step is passed before the cleanup waits there."""
STEPS = {
    "before anything": (runner, "run"),
    "before the batch leaves the ledger": (execution, "evict"),
    "before its objects are deleted": (execution, "release_with_result"),
    "between two objects": (release, "_clear"),
    "before the row of a deleted object goes": (release, "_reconcile"),
    "after the batch": (execution, "_reached"),
    "before it says that it is done": (runner, "_log"),
}
AFTER = {"before the row of a deleted object goes"}
"""Steps that are the end of the function, not its beginning."""


def wait_at(step: str) -> None:
    module, name = STEPS[step]
    original, passed = getattr(module, name), []

    def waiting(*args, **kwargs):
        done = original(*args, **kwargs) if step in AFTER else None
        passed.append(name)
        if len(passed) > BATCHES or module is runner:
            print(os.getpid(), flush=True)  # noqa: T201
            time.sleep(600)
        return done if step in AFTER else original(*args, **kwargs)

    setattr(module, name, waiting)


def clean_up(step: str, root: str) -> None:
    execution.BATCH = 3
    wait_at(step)
    Broker("default").dequeue()
    with use(FileStore(Path(root))):
        tasks.emergency_cleanup()
    os._exit(1)  # it never came to the step


if __name__ == "__main__":
    database, root, total, emergency, target = sys.argv[1:]
    connections["default"].settings_dict["NAME"] = database
    by_type = dict.fromkeys(("media", "vision", "crawl", "album"), int(total))
    settings.LIMITS = Limits(int(total), int(emergency), int(total), by_type)
    settings.CLEANUP = replace(settings.CLEANUP, target_bytes=int(target))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed leave no zombies
    for line in sys.stdin:
        if not os.fork():
            clean_up(line.strip(), root)
