"""The secret key of an installation without DJANGO_SECRET_KEY."""

import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from telegram_assistant.config import deployment

OWNER_ONLY: Final = stat.S_IRUSR | stat.S_IWUSR
OF_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def read_or_make(var_dir: Path) -> str:
    """Return the key, which is made at the first start and can be read by its owner only."""
    path = var_dir / "secret_key"
    try:
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(50))
        if path.stat().st_mode & OF_OTHERS:  # restored or copied by somebody careless
            path.chmod(OWNER_ONLY)
        key = path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR: {path} cannot be written and read ({error.strerror});"
            " set VAR_DIR to a folder that this user can write to, or set DJANGO_SECRET_KEY"
        ) from error
    if deployment.key_objection(key):
        raise ImproperlyConfigured(
            f"VAR_DIR: what {path} holds is too short for a key; delete it, and a new one is made"
        )
    return key


def _write_once(path: Path, content: str) -> None:
    """Write a file atomically, with mode 0600; of several processes the first one wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.") as draft:
        draft.write(content)
        draft.flush()
        with suppress(FileExistsError):
            os.link(draft.name, path)
