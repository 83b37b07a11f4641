"""A real file system that is small: what a full disk does is not imitated."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class SmallDisk:
    """A tmpfs of some megabytes, mounted for a test. Every user may enter it."""

    def __init__(self, root: Path, megabytes: int) -> None:
        self.root = root
        self._mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(root))

    def resize(self, megabytes: int) -> None:
        self._mount("-o", f"remount,size={megabytes}m", str(self.root))

    def make_read_only(self) -> None:
        self._mount("-o", "remount,ro", str(self.root))

    def make_writable(self) -> None:
        self._mount("-o", "remount,rw", str(self.root))

    def fill(self, *, leave_bytes: int) -> None:
        """Take the room that is left, but for some bytes; `free` gives it back."""
        found = os.statvfs(self.root)
        with (self.root / "ballast").open("wb") as ballast:
            os.posix_fallocate(
                ballast.fileno(), 0, max(found.f_bavail * found.f_frsize - leave_bytes, 1)
            )

    def free(self) -> None:
        (self.root / "ballast").unlink(missing_ok=True)

    def _mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mount it, or skip loudly where nobody may mount."""
    # Not in pytest's folder, which only its owner may enter.
    root = Path(tempfile.mkdtemp(prefix="small_disk_"))
    root.chmod(0o755)
    try:
        try:
            disk = SmallDisk(root, megabytes)
        except (OSError, subprocess.CalledProcessError) as refusal:
            pytest.skip(
                f"SKIPPED LOUDLY: no rights to mount a small disk (CI has them, as root): {refusal}"
            )
        try:
            yield disk
        finally:
            # Lazily: a server that still holds a file must not leave the mount behind.
            subprocess.run(["umount", "--lazy", str(root)], check=True)
    finally:
        with suppress(OSError):
            root.rmdir()
