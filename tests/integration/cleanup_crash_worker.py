"""
A cleanup to be killed: `python -m tests.integration.cleanup_crash_worker DB ROOT`.

Works in small batches, prints a line after each, and then waits to be killed.
"""

import sys
import time
from pathlib import Path

import django

django.setup()

from django.db import connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from storage_quota import cleanup  # noqa: E402
from storage_quota.cleanup import execution  # noqa: E402
from storage_quota.object_store import use  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402

if __name__ == "__main__":
    database, root = sys.argv[1:]
    connections["default"].settings_dict["NAME"] = database
    execution.BATCH = 3
    with use(FileStore(Path(root))):
        cleanup.run(
            target_bytes=0,
            trigger="test",
            now=timezone.now(),
            progress=lambda freed: print(freed.deleted_count, flush=True),  # noqa: T201
        )
    time.sleep(600)
