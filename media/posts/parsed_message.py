"""A message of a source whose files were read and identified, but not stored yet."""

from dataclasses import dataclass, field

from media.file_metadata import FileMetadata
from media.models import MAX_MEDIA_BYTES, MediaRole
from media.sources.port import Message


@dataclass(frozen=True, slots=True)
class Blob:
    """A file that was hashed and identified; `source.open(path)` reads it again."""

    path: str
    sha256: str
    size_bytes: int
    metadata: FileMetadata
    thumbnail_of: str = ""
    """The path of the file whose thumbnail it is; empty for a file itself."""


@dataclass(frozen=True, slots=True)
class Shown:
    """
    A file that a post shows, in a role.

    `weight` decides between files that sources of the same age show: the larger one is more
    likely whole, and one with a defect counts for less than any without.
    """

    sha256: str
    role: str
    weight: int = field(default=0, compare=False)

    @classmethod
    def of(cls, sha256: str, role: str, *, size_bytes: int, defect: str | None) -> "Shown":
        return cls(sha256, role, size_bytes - (2 * MAX_MEDIA_BYTES if defect else 0))

    def __str__(self) -> str:
        return self.sha256


@dataclass(slots=True)
class ParsedMessage:
    """
    A message with the state of its media (a MediaState, empty without a file) and its blobs:
    each file, followed by its thumbnail. `as_of` is the age of the source (`Chat.as_of`).
    """

    message: Message
    state: str = ""
    blobs: list[Blob] = field(default_factory=list)
    as_of: str = ""

    @property
    def shown(self) -> list[Shown]:
        """
        What the post shows, by position: the files, then the thumbnails.

        Each content once; as a file where it is a thumbnail, too.
        """
        files = {blob.sha256: blob for blob in self.blobs if not blob.thumbnail_of}
        thumbnails = {blob.sha256: blob for blob in self.blobs if blob.sha256 not in files}
        return [
            Shown.of(
                blob.sha256,
                _role(blob, position),
                size_bytes=blob.size_bytes,
                defect=blob.metadata.defect,
            )
            for position, blob in enumerate([*files.values(), *thumbnails.values()])
        ]


def _role(blob: Blob, position: int) -> str:
    if blob.thumbnail_of:
        return MediaRole.THUMBNAIL.value
    return MediaRole.ATTACHMENT.value if position else MediaRole.PRIMARY.value
