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
    thumbnail_of: str = ""
    """The path of the file whose thumbnail it is; empty for a file itself."""


@dataclass(slots=True)
class ParsedMessage:
    """
    A message with the state of its media (a MediaState, empty without a file) and its blobs:
    each file, followed by its thumbnail.
    """

    message: Message
    state: str = ""
    blobs: list[Blob] = field(default_factory=list)

    @property
    def contents(self) -> list[str]:
        """SHA-256 per position: the same bytes as file and thumbnail count once."""
        return [blob.sha256 for blob in self.shown]

    @property
    def shown(self) -> list[Blob]:
        """The blobs by position, each content once; as a file where it is a thumbnail, too."""
        by_content: dict[str, Blob] = {}
        for blob in self.blobs:
            known = by_content.setdefault(blob.sha256, blob)
            if known.thumbnail_of and not blob.thumbnail_of:
                by_content[blob.sha256] = blob
        return list(by_content.values())
