"""Read, hash and identify a file of a source."""

import hashlib
from typing import BinaryIO, ClassVar

from django.conf import settings

from events.errors import DomainError
from events.sentences import Sentence, gettext_noop
from media.file_metadata import FileMetadata, read_metadata
from media.models import MAX_MEDIA_BYTES
from media.posts.parsed_message import Blob
from media.sources.port import FileRefused, Source
from storage_quota.object_store.adapters import HashedBytes

CHUNK_BYTES = 1024**2
SMALL_BYTES = 512 * 1024
"""Up to here a file is read at once, and may be kept until it is put."""
KEPT_BYTES = 32 * 1024**2
"""Of all small files of a batch that are kept; its other files are opened again when they are put."""


_TOO_LARGE = Sentence(gettext_noop("larger than %(most)s bytes, the most one object may have"))


class FileTooLarge(DomainError):
    code: ClassVar[str] = "file_too_large"

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: {_TOO_LARGE % {'most': MAX_MEDIA_BYTES}}")


class KeptFiles:
    """
    Small files from their hash to their upload, by SHA-256.

    Each is opened, read and hashed once, and what was hashed is what is put.
    """

    def __init__(self) -> None:
        self._files: dict[str, HashedBytes] = {}
        self._bytes = 0

    def keep(self, file: HashedBytes) -> None:
        """Keep the file, unless there is no room, or it is kept already."""
        if file.sha256 in self._files or self._bytes + file.size_bytes > KEPT_BYTES:
            return
        self._files[file.sha256] = file
        self._bytes += file.size_bytes

    def take(self, sha256: str) -> HashedBytes | None:
        """The file, from its beginning, which is the caller's from now on."""
        file = self._files.pop(sha256, None)
        if file is not None:
            self._bytes -= file.size_bytes
            file.seek(0)
        return file

    def forget(self) -> None:
        self._files.clear()
        self._bytes = 0


def read_blob(source: Source, path: str, *, kept: KeptFiles) -> Blob:
    """
    Hash and identify a file in constant memory; a small one is kept where there is room.

    Raises FileRefused or FileTooLarge.
    """
    with source.open(path) as file:
        try:
            if (small := _whole(file)) is not None:
                kept.keep(small)
                return Blob(path, small.sha256, small.size_bytes, _metadata(small))
            sha256, size_bytes = _digest(file, path)
            return Blob(path, sha256, size_bytes, _metadata(file))
        except OSError as error:
            raise FileRefused("unreadable", f"{path}: {error.strerror}") from error


def _whole(file: BinaryIO) -> HashedBytes | None:
    """The file in memory where it is small; None where the source has it there, or it is large."""
    if isinstance(file, HashedBytes):
        return None
    most = min(SMALL_BYTES, MAX_MEDIA_BYTES)
    content = file.read(most + 1)
    if len(content) > most:
        file.seek(0)
        return None
    return HashedBytes(content, hashlib.sha256(content).hexdigest())


def _metadata(file: BinaryIO) -> FileMetadata:
    # The limit of those who decode: a picture beyond it is never looked at.
    return read_metadata(file, max_pixels=settings.VISION.vision_max_pixels)


def _digest(file: BinaryIO, path: str) -> tuple[str, int]:
    if isinstance(file, HashedBytes) and file.size_bytes <= MAX_MEDIA_BYTES:
        return file.sha256, file.size_bytes
    digest, size_bytes = hashlib.sha256(), 0
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
        # Counted while reading: a file may grow after its size was asked for.
        if size_bytes > MAX_MEDIA_BYTES:
            raise FileTooLarge(path)
    return digest.hexdigest(), size_bytes
