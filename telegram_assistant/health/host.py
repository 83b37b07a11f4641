"""Checks of this host and of the configuration as a whole."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
from django.conf import settings
from django.core import checks as system_checks

from events import health
from events.health import Finding, Scope, failed, ok, warning
from storage_quota.management.sizes import gib
from storage_quota.units import GIB, MIB
from telegram_assistant.config.environment import misspelled

DISK_FAILS: Final = GIB // 2
DISK_WARNS: Final = 2 * GIB
MEMORY_FAILS: Final = 128 * MIB
MEMORY_WARNS: Final = 512 * MIB
"""A worker process takes some 150 MiB, and Tesseract as much for each picture."""
CGROUP: Final = Path("/sys/fs/cgroup")


def register() -> None:
    disk = "free space, or set VAR_DIR to another disk"
    health.register("disk", disk_space, scope=Scope.DETAILED, remedy=disk)
    health.register("memory", memory, scope=Scope.DETAILED, remedy="lower Q_WORKERS")
    health.register(
        "configuration", configuration, scope=Scope.DOCTOR, remedy="see `check`", seconds=15
    )


def disk_space() -> Iterator[Finding]:
    free = psutil.disk_usage(str(settings.VAR_DIR)).free
    yield _judged(
        f"{gib(free)} free under {settings.VAR_DIR}",
        free,
        fails=DISK_FAILS,
        warns=DISK_WARNS,
        remedy="free space, or set VAR_DIR to another disk",
    )


def memory() -> Iterator[Finding]:
    available = psutil.virtual_memory().available
    with suppress(OSError, ValueError):  # no cgroup, or "max": the host's memory is the limit
        limit = int((CGROUP / "memory.max").read_text())
        used = int((CGROUP / "memory.current").read_text())
        available = min(available, limit - used)
    yield _judged(
        f"{gib(available)} available",
        available,
        fails=MEMORY_FAILS,
        warns=MEMORY_WARNS,
        remedy="give this host or container more memory, or lower Q_WORKERS",
    )


def configuration() -> Iterator[Finding]:
    """Django's system checks, which the rooms add theirs to."""
    found = [one for one in system_checks.run_checks() if not one.is_silenced()]
    for one in found:
        make = failed if one.is_serious() else warning
        yield make(str(one.msg), str(one.hint or "correct the setting it names"), step=str(one.id))
    for name, meant in misspelled():
        yield warning(f".env sets {name}, which nothing reads", f"{meant} is probably meant")
    if not found:
        yield ok(f"the environment is usable; time zone {settings.TIME_ZONE}")


def _judged(detail: str, left: int, *, fails: int, warns: int, remedy: str) -> Finding:
    if left < fails:
        return failed(detail, remedy)
    return warning(detail, remedy) if left < warns else ok(detail)
