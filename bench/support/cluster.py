"""
A qcluster on the bench's database: `python -m bench.support.cluster NAME`.

With `task_cluster` as a second argument, django-q2's part of it alone. BENCH_OBJECTS_DIR is where
the bench keeps its bucket, if it has one.
"""

import os
import sys
from pathlib import Path

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"

if __name__ == "__main__":
    name, *command = sys.argv[1:]
    # Processes that the cluster starts find the database through their environment.
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "bench.support.cluster_settings",
        "BENCH_DATABASE": name,
    }
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    os.execv(sys.executable, [sys.executable, str(MANAGE), *(command or ["qcluster"])])  # noqa: S606 - no shell is needed
