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
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from storage_quota.management.sizes import gib
from storage_quota.units import GIB, MIB
from telegram_assistant.config.environment import misspelled

DISK_FAILS: Final = GIB // 2
DISK_WARNS: Final = 2 * GIB
MEMORY_FAILS: Final = 128 * MIB
MEMORY_WARNS: Final = 512 * MIB
"""A worker process takes some 150 MiB, and Tesseract as much for each picture."""
CGROUP: Final = Path("/sys/fs/cgroup")
SPACE: Final = _("free space, or set VAR_DIR to another disk")
_FREE: Final = Sentence(_("%(size)s free under %(folder)s"))
_AVAILABLE: Final = Sentence(_("%(size)s available"))
_UNREAD: Final = Sentence(_(".env sets %(name)s, which nothing reads"))
_MEANT: Final = Sentence(_("%(name)s is probably meant"))
_USABLE: Final = Sentence(_("the environment is usable; time zone %(zone)s"))


def register() -> None:
    health.register("disk", disk_space, scope=Scope.DETAILED, remedy=SPACE)
    health.register("memory", memory, scope=Scope.DETAILED, remedy=_("lower Q_WORKERS"))
    health.register(
        "configuration", configuration, scope=Scope.DOCTOR, remedy=_("see `check`"), seconds=15
    )


def disk_space() -> Iterator[Finding]:
    free = psutil.disk_usage(str(settings.VAR_DIR)).free
    yield _judged(
        _FREE % {"size": gib(free), "folder": settings.VAR_DIR},
        free,
        fails=DISK_FAILS,
        warns=DISK_WARNS,
        remedy=SPACE,
    )


def memory() -> Iterator[Finding]:
    available = psutil.virtual_memory().available
    with suppress(OSError, ValueError):  # no cgroup, or "max": the host's memory is the limit
        limit = int((CGROUP / "memory.max").read_text())
        used = int((CGROUP / "memory.current").read_text())
        available = min(available, limit - used)
    yield _judged(
        _AVAILABLE % {"size": gib(available)},
        available,
        fails=MEMORY_FAILS,
        warns=MEMORY_WARNS,
        remedy=_("give this host or container more memory, or lower Q_WORKERS"),
    )


def configuration() -> Iterator[Finding]:
    """Django's system checks, which the rooms add theirs to."""
    found = [one for one in system_checks.run_checks() if not one.is_silenced()]
    for one in found:
        make = failed if one.is_serious() else warning
        remedy = str(one.hint or _("correct the setting it names"))
        yield make(str(one.msg), remedy, step=str(one.id))
    for name, meant in misspelled():
        yield warning(_UNREAD % {"name": name}, _MEANT % {"name": meant})
    if not found:
        yield ok(_USABLE % {"zone": settings.TIME_ZONE})


def _judged(detail: str, left: int, *, fails: int, warns: int, remedy: str) -> Finding:
    if left < fails:
        return failed(detail, remedy)
    return warning(detail, remedy) if left < warns else ok(detail)
