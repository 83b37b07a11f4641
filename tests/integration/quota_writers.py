"""
Many writers at once: `python -m tests.integration.quota_writers DB ROOT TENANT LIMIT SIZE COUNT DOOMED`.

Each is a process of its own, forked before there is any connection, and stores one object of
SIZE bytes in a bucket of LIMIT. Of COUNT writers DOOMED are killed: the first one at each
point of `Death` before the others begin, the rest among them; half of those at any moment.
"""

import os
import random
import signal
import sys
import time
import traceback
from enum import StrEnum
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import Tenant  # noqa: E402
from storage_quota import services  # noqa: E402
from storage_quota.object_store import get_store, use  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402
from telegram_assistant.config import Limits  # noqa: E402


class Death(StrEnum):
    RESERVED = "before the put"
    PUTTING = "in the middle of the put"
    PUT = "after the put"
    SETTLING = "before the commit"


class Torn(BytesIO):
    """A body of which only half reaches the disk."""

    def read(self, size=-1):
        if self.tell():
            die()
        return super().read(len(self.getvalue()) // 2)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def write(tenant, size, death):
    body = random.randbytes(size)
    try:
        reservation = services.reserve(
            tenant=tenant,
            content_type="media",
            key=f"media/{tenant.pk}/{os.getpid()}-{random.randbytes(8).hex()}",
            size_bytes=size,
            now=timezone.now(),
        )
    except services.QuotaExceeded:
        return
    if death is Death.RESERVED:
        die()
    get_store().put(reservation, Torn(body) if death is Death.PUTTING else body, mime="image/png")
    if death is Death.PUT:
        die()
    with transaction.atomic():
        services.settle(reservation, now=timezone.now())
        if death is Death.SETTLING:
            die()


def fork(start, work):
    """Fork a child that does `work` once the pipe `start` is closed; returns its process id."""
    if pid := os.fork():
        return pid
    status = 1
    try:
        os.close(start[1])
        os.read(start[0], 1)
        random.seed(os.getpid())
        work()
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)


def ended_well(pid):
    _, status = os.waitpid(pid, 0)
    return status in {0, signal.SIGKILL}


def run_all(deaths, work, *, kill=0):
    """Start a writer for each of `deaths` at the same time, then kill `kill` of those without."""
    start = os.pipe()
    pids = [fork(start, lambda death=death: work(death)) for death in deaths]
    for end in start:
        os.close(end)
    chance = random.Random(7)
    chosen = [pid for pid, death in zip(pids, deaths, strict=True) if death is None][:kill]
    for pid in chosen:
        time.sleep(chance.random() * 0.2)
        os.kill(pid, signal.SIGKILL)
    ends = [ended_well(pid) for pid in pids]
    return all(ends)


def main(database, root, tenant_id, limit, size, count, doomed):
    settings.LIMITS = Limits(
        total_bytes=limit,
        emergency_bytes=limit,
        tenant_bytes=limit,
        by_type=dict.fromkeys(("media", "vision", "crawl", "album"), limit),
    )
    connections["default"].settings_dict["NAME"] = database
    tenant = Tenant(pk=tenant_id, name="Alice")
    ahead = list(Death)[:doomed]
    at_a_point = list(islice(cycle(Death), (doomed - len(ahead)) // 2))
    at_any_moment = doomed - len(ahead) - len(at_a_point)
    others = [None] * (count - len(ahead) - len(at_a_point))

    def work(death):
        write(tenant, size, death)

    with use(FileStore(Path(root))):
        return run_all(ahead, work) and run_all(at_a_point + others, work, kill=at_any_moment)


if __name__ == "__main__":
    database, root, tenant_id, *numbers = sys.argv[1:]
    sys.exit(0 if main(database, root, tenant_id, *map(int, numbers)) else 1)
