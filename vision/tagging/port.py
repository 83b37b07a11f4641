"""What a tagger is asked and answers; it knows neither rows nor events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

MOST_TAGS: Final = 5
"""Of a tagger, for a post (CONTRACT §11)."""
PROVIDER: Final = "gigachat"
"""The name of the tagger that costs tokens."""
TOPIC, PERSON, ORGANIZATION, PLACE, EVENT, PRODUCT, OTHER = CATEGORIES = (
    "topic", "person", "organization", "place", "event", "product", "other",
)  # fmt: skip
"""What a tag names; those of TOPIC are the topics of a post."""


@dataclass(frozen=True, slots=True)
class Material:
    """
    What is known about a post when it is tagged; empty where nothing is.

    `album_text` is the text of the other items of its album; `hashtags` are names of tags.
    """

    text: str = ""
    album_text: str = ""
    description: str = ""
    labels: Sequence[str] = ()
    ocr_text: str = ""
    hashtags: Sequence[str] = ()
    has_media: bool = False


@dataclass(frozen=True, slots=True)
class FoundTag:
    """A name in canonical form; `confidence` from 0 to 1."""

    name: str
    confidence: float
    category: str = ""


@dataclass(frozen=True, slots=True)
class Tagged:
    """
    The answer of a tagger: at most MOST_TAGS tags, and who found them.

    `reason` says why there are none, or why another tagger stood in; `seconds` is how long the
    answer took, where it was asked for before.
    """

    tags: Sequence[FoundTag] = field(default_factory=tuple)
    provider: str = ""
    model: str = ""
    reason: str = ""
    seconds: float | None = None


class Tagger(Protocol):
    """The port: finds tags without changing anything."""

    name: str
    model: str

    def find(self, material: Material) -> Tagged:
        """Find tags; the answer depends on the material alone."""
