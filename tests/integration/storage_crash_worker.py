"""
A worker to be killed: `python -m tests.integration.storage_crash_worker DB ROOT TENANT MODE`.

`between` stops between put and settle and says so; `loop` stores and removes all the time.
"""

import random
import sys
import time
from pathlib import Path

import django

django.setup()

from django.db import connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import Tenant  # noqa: E402
from storage_quota import services  # noqa: E402
from storage_quota.object_store import get_store, use  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402


def between(tenant):
    body = random.randbytes(random.randint(1, 500))
    reservation = services.reserve(
        tenant=tenant,
        content_type="media",
        key=f"media/{tenant.pk}/{random.randbytes(8).hex()}",
        size_bytes=len(body),
        now=timezone.now(),
    )
    get_store().put(reservation, body, mime="image/png")
    print("put", flush=True)  # noqa: T201
    time.sleep(600)


def loop(tenant):
    print("put", flush=True)  # noqa: T201
    while True:
        key = f"media/{tenant.pk}/{random.randint(1, 20)}"
        if random.random() < 0.3:
            services.remove([key], now=timezone.now())
            continue
        try:
            services.put_object(
                tenant=tenant,
                content_type="media",
                key=key,
                body=random.randbytes(random.randint(1, 500)),
                mime="image/png",
                now=timezone.now(),
            )
        except (services.QuotaExceeded, services.ReservationExpired):
            continue


if __name__ == "__main__":
    database, root, tenant_id, mode = sys.argv[1:]
    connections["default"].settings_dict["NAME"] = database
    with use(FileStore(Path(root))):
        {"between": between, "loop": loop}[mode](Tenant.objects.get(pk=tenant_id))
