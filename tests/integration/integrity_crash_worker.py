"""
A check to be killed: `python -m tests.integration.integrity_crash_worker DB ROOT NOW`.

It repairs without a grace, two keys a page, and says so after each page and each repair.
"""

import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import django

django.setup()

from django.db import connections  # noqa: E402

from storage_quota.integrity import compare_ledger_and_bucket  # noqa: E402
from storage_quota.integrity.verify import VerifyRequest, verify  # noqa: E402
from storage_quota.object_store import use  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402


def tell(*_):
    print("step", flush=True)  # noqa: T201
    time.sleep(0.02)


if __name__ == "__main__":
    database, root, moment = sys.argv[1:]
    connections["default"].settings_dict["NAME"] = database
    compare_ledger_and_bucket._PAGE_PAIRS = 2
    with use(FileStore(Path(root))) as store:
        options = compare_ledger_and_bucket.CheckOptions(
            now=datetime.fromisoformat(moment), grace=timedelta(0), observe=tell
        )
        request = VerifyRequest(percent=100, repair=True, max_missing_percent=100)
        verify(store, request=request, options=options, on_repair=tell)
    print("done", flush=True)  # noqa: T201
    time.sleep(600)
