"""Small files on their way into memory, at most so many bytes of them at a time."""

from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from django.utils.functional import cached_property

from media.sources.telegram.port import SMALL_FILE_BYTES, RemoteFile
from storage_quota.object_store.adapters import HashedBytes

MEMORY_BYTES: Final = 32 * 1024**2
"""Of all small files that are on their way or not stored yet; what is more goes to the disk."""


@dataclass
class _Small:
    size_bytes: int
    coming: Future[bytes]

    @cached_property
    def content(self) -> tuple[bytes, str]:
        """The bytes and their SHA-256 (hex): hashed once, for the plan and for the store."""
        content = self.coming.result()
        return content, sha256(content).hexdigest()


class SmallFiles:
    """Files by their paths, from when they are asked for until they are forgotten."""

    def __init__(self) -> None:
        self._files: dict[str, _Small] = {}
        self._bytes = 0

    def have_room_for(self, file: RemoteFile) -> bool:
        """Whether the file is small, and may be kept in memory now."""
        is_small = file.size_bytes <= SMALL_FILE_BYTES
        return is_small and self._bytes + file.size_bytes <= MEMORY_BYTES

    def add(self, file: RemoteFile, coming: Future[bytes]) -> None:
        self._files[file.path] = _Small(file.size_bytes, coming)
        self._bytes += file.size_bytes

    def coming(self, path: str) -> Future[bytes] | None:
        found = self._files.get(path)
        return found.coming if found else None

    def open(self, path: str) -> HashedBytes | None:
        """The file, which has come; None where it is none of these."""
        found = self._files.get(path)
        return HashedBytes(*found.content) if found else None

    def forget(self, path: str) -> None:
        if (found := self._files.pop(path, None)) is not None:
            self._bytes -= found.size_bytes
