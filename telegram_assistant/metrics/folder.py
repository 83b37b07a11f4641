"""
Where the processes of this host keep their counts.

prometheus_client decides at its first import whether counts live in files, so settings call
this before anything imports it.
"""

import os
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own. Always set here: one that was inherited may be of another installation."""

role = "worker"
"""`web` in processes that answer requests: wsgi.py and asgi.py say so before settings load."""


def prepare(var_dir: Path) -> Path:
    folder = var_dir / "metrics" / role
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    return folder
