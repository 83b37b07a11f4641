"""The tagger of this machine: keywords of the text and of what was seen. Deterministic, free of charge."""

from typing import Final

from vision.tagging.port import FoundTag, Material, Tagged
from vision.tagging.words.keywords import keywords
from vision.tagging.words.lemmas import lemma

TEXT_CHARS: Final = 1000
"""What of each part is looked at (CONTRACT §11)."""
LABEL_MENTIONS: Final = 2
"""A label of a picture is a noun that was chosen already."""
TOO_SHORT: Final = "too_short"


class LocalTagger:
    name = "local"
    model = "keywords-1"

    def __init__(self, *, min_chars: int) -> None:
        self.min_chars = min_chars

    def find(self, material: Material) -> Tagged:
        """A short text without media gets no tags (CONTRACT §11)."""
        text = material.text if material.text.strip() else material.album_text
        if len(text.strip()) < self.min_chars and not material.has_media:
            return Tagged(provider=self.name, model=self.model, reason=TOO_SHORT)
        labels = " ".join(material.labels)
        parts = (text, material.description, material.ocr_text, *[labels] * LABEL_MENTIONS)
        found = keywords("\n".join(part[:TEXT_CHARS] for part in parts))
        tags = [FoundTag(name, sure, lemma(name).category) for name, sure in found]
        return Tagged(tags, provider=self.name, model=self.model)
