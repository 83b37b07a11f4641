"""The check, part of `check --deploy`, that other users of the host stay out of VAR_DIR's contents."""

import stat
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core import checks

PRIVATE: Final = ("secret_key", "objects", "postgres", "metrics")
"""What is in VAR_DIR and is its owner's only. The folder itself is the user's own choice."""
OURS: Final = ("", "static")
"""What others may open, yet not write to: VAR_DIR itself, and scripts that browsers are given."""
_OF_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_WRITTEN_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


@checks.register(checks.Tags.security, deploy=True)
def only_the_owner(**_: Any) -> list[checks.CheckMessage]:
    paths = [Path(settings.VAR_DIR, name) for name in PRIVATE]
    open_ones = [_warning(path) for path in paths if _has(path, _OF_OTHERS)]
    ours = [Path(settings.VAR_DIR, name) for name in OURS]
    return open_ones + [_written(path) for path in ours if _has(path, _WRITTEN_BY_OTHERS)]


def _has(path: Path, rights: int) -> bool:
    return path.exists() and bool(path.stat().st_mode & rights)


def _written(path: Path) -> checks.CheckMessage:
    return checks.Warning(
        f"Other users of this host can write to {path}.",
        hint=f"chmod go-w {path}",
        id="telegram_assistant.W003",
    )


def _warning(path: Path) -> checks.CheckMessage:
    return checks.Warning(
        f"Other users of this host can open {path}.",
        hint=f"chmod -R go= {path}",
        id="telegram_assistant.W002",
    )
