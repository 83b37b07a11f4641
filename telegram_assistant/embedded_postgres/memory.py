"""How much memory the embedded PostgreSQL keeps of its tables: an eighth, unless it is set."""

from pathlib import Path
from typing import Final

import psutil

MIB: Final = 1024**2
LEAST, MOST, PART = 128, 4096, 8
"""MiB, MiB, and the part of the memory that is one of so many."""
FILE: Final = "memory.conf"
_INCLUDE: Final = f"include_if_exists '{FILE}'"
_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Of a container, by the second and the first version of cgroups."""


def configure(data_dir: Path, mebibytes: int | None) -> None:
    """
    Let the server have so much memory when it starts the next time, None for a share of the machine's.

    What was set by ALTER SYSTEM still wins. `data_dir` has been initialized.
    """
    main = data_dir / "postgresql.conf"
    if _INCLUDE not in (text := main.read_text(encoding="utf-8")):
        main.write_text(f"{text.rstrip()}\n\n{_INCLUDE}\n", encoding="utf-8")
    own = data_dir / FILE
    own.write_text(f"shared_buffers = {mebibytes or share(available())}MB\n", encoding="utf-8")
    own.chmod(0o644)  # the folder is closed; as root, the server runs as another user


def share(total: int) -> int:
    """MiB of a machine with `total` bytes."""
    return min(max(total // MIB // PART, LEAST), MOST)


def available() -> int:
    """Bytes of memory that the machine has, or its container may use."""
    limits = [Path(path) for path in _LIMITS]
    texts = [path.read_text().strip() for path in limits if path.is_file()]
    whole: int = psutil.virtual_memory().total
    return min([whole, *(int(one) for one in texts if one.isdigit())])
