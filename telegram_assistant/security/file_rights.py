"""The check, part of `check --deploy`, that other users of the host stay out of VAR_DIR's contents."""

import stat
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core import checks

PRIVATE: Final = ("secret_key", "objects", "postgres", "metrics")
"""What is in VAR_DIR and is its owner's only. The folder itself is the user's own choice."""
_OF_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@checks.register(checks.Tags.security, deploy=True)
def only_the_owner(**_: Any) -> list[checks.CheckMessage]:
    paths = [Path(settings.VAR_DIR, name) for name in PRIVATE]
    return [_warning(path) for path in paths if path.exists() and path.stat().st_mode & _OF_OTHERS]


def _warning(path: Path) -> checks.CheckMessage:
    return checks.Warning(
        f"Other users of this host can open {path}.",
        hint=f"chmod -R go= {path}",
        id="telegram_assistant.W002",
    )
