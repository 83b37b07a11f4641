"""The key of this installation, where none is configured."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def read_or_make(var_dir: Path) -> str:
    """The key of this installation, made at its first start and readable by its owner only."""
    path = var_dir / "secret_key"
    try:
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(50))
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR: {path} cannot be written and read ({error.strerror});"
            " set VAR_DIR to a folder of yours, or DJANGO_SECRET_KEY"
        ) from error


def _write_once(path: Path, content: str) -> None:
    """Whole or not at all, with mode 0600; of several processes the first one counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.") as draft:
        draft.write(content)
        draft.flush()
        with suppress(FileExistsError):
            os.link(draft.name, path)
