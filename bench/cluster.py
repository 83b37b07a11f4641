"""
A qcluster on the bench's database: `python -m bench.cluster NAME`.

BENCH_OBJECTS_DIR is where the bench keeps its bucket, if it has one. BENCH_HOST is the name of the
host that the cluster takes itself to be on: on each host one worker drains a queue.
"""

import os
import socket
import sys
from pathlib import Path

from bench import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django_q.conf import Conf  # noqa: E402

if __name__ == "__main__":
    settings.DATABASES["default"]["NAME"] = sys.argv[1]
    connections["default"].settings_dict["NAME"] = sys.argv[1]
    if host := os.environ.get("BENCH_HOST"):
        socket.gethostname = lambda: host
    if folder := os.environ.get("BENCH_OBJECTS_DIR"):
        settings.OBJECTS_DIR = Path(folder)
    Conf.SAVE_LIMIT = 0  # keep every result: the bench counts them
    call_command("qcluster")
