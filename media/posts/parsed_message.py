"""A message of a source whose files were read and identified, but not stored yet."""

from dataclasses import dataclass, field

from media.file_metadata import FileMetadata
from media.sources.port import Message


@dataclass(frozen=True, slots=True)
class Blob:
    """A file that was hashed and identified; `source.open(path)` reads it again."""

    path: str
    sha256: str
    size_bytes: int
    metadata: FileMetadata


@dataclass(slots=True)
class ParsedMessage:
    """
    A message with the state of its media (a MediaState, empty without a file) and its blobs:
    the file itself first, then its thumbnail.
    """

    message: Message
    state: str = ""
    blobs: list[Blob] = field(default_factory=list)

    @property
    def contents(self) -> list[str]:
        """SHA-256 per position: the same bytes as file and thumbnail count once."""
        return list(dict.fromkeys([blob.sha256 for blob in self.blobs])) if self.blobs else []
