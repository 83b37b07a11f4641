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


_TOO_LARGE = Sentence(gettext_noop("larger than %(most)s bytes, the most one object may have"))


class FileTooLarge(DomainError):
    code: ClassVar[str] = "file_too_large"

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: {_TOO_LARGE % {'most': MAX_MEDIA_BYTES}}")


def read_blob(source: Source, path: str) -> Blob:
    """Hash and identify a file in constant memory. Raises FileRefused or FileTooLarge."""
    with source.open(path) as file:
        try:
            sha256, size_bytes = _digest(file, path)
            return Blob(path, sha256, size_bytes, _metadata(file))
        except OSError as error:
            raise FileRefused("unreadable", f"{path}: {error.strerror}") from error


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
