"""The product as its user runs it: commands in processes of their own, on one database."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
from django.db import connections

from tests.processes import ROOT, Python, SetUpPython, run_python

SAMPLE = ROOT / "telegram_assistant" / "sample" / "ChatExport_2026-11-01"


@dataclass
class Product:
    """An installation under `var_dir`, on the tests' database."""

    var_dir: Path
    metrics_port: int = 0
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    new_interpreter: bool = False
    """Whether its workers are started without what saves the tests their imports."""
    set_up: bool = False
    """Whether Django is set up once for the workers of all products with this folder and `extra`."""

    @property
    def environment(self) -> dict[str, str]:
        params = connections["default"].get_connection_params()
        url = f"postgresql://{params['user']}@/{params['dbname']}?host={quote(params['host'])}"
        return os.environ | {
            "VAR_DIR": str(self.var_dir),
            "DATABASE_URL": url,
            "PYTHONPATH": str(ROOT),
            "METRICS_PORT": str(self.metrics_port),
            "SEARCH_ENCODER": "none",  # a model in each worker would be the most expensive part
            **self.extra,
        }

    def manage(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        return run_python(ROOT / "manage.py", *arguments, env=self.environment)

    def json(self, *arguments: object) -> object:
        done = self.manage(*arguments, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def start_workers(self) -> None:
        log = (self.var_dir / "qcluster.log").open("ab")
        how = {"env": self.environment, "stdout": log, "stderr": log, "start_new_session": True}
        command = [str(ROOT / "manage.py"), "qcluster"]
        self.workers.append(
            subprocess.Popen([sys.executable, *command], cwd=ROOT, **how)
            if self.new_interpreter
            else (SetUpPython if self.set_up else Python)(*command, **how)
        )
        log.close()

    def kill_workers(self, how: int = signal.SIGKILL) -> None:
        """The whole cluster: its supervisor would start a killed worker anew."""
        for process in self.workers:
            with suppress(ProcessLookupError):  # a test may have ended it
                os.killpg(process.pid, how)
            process.wait()
            # django-q2's processes have a group of their own, in the same session.
            for other in in_session(process.pid):
                other.kill()
        self.workers.clear()

    @property
    def log(self) -> str:
        return (self.var_dir / "qcluster.log").read_text()

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """The log of the workers; it is a file, so each line of it is JSON."""
        return [json.loads(line) for line in self.log.splitlines()]


def in_session(leader: int) -> list[psutil.Process]:
    """Every process that `leader` and its descendants have started, also those left by others."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_until(reached, *, seconds: float, step: float = 0.1) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if reached():
            return True
        time.sleep(step)
    return False
