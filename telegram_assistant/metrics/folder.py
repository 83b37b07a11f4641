"""
The folder in which the processes of this host keep their counts.

prometheus_client decides at its first import whether it keeps counts in files, so settings call
`prepare` before anything imports it.
"""

import os
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Read by the library. Always set here: an inherited value may belong to another installation."""

role = "worker"
"""`web` in processes that answer requests; wsgi.py and asgi.py set it before settings load."""


def prepare(var_dir: Path) -> Path:
    folder = var_dir / "metrics" / role
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    return folder
