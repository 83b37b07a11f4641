"""
The document of a post: what is indexed about it. Pure functions of what is known about the post.

Two texts come of a post. `WeightedWords` is everything by which it is found by words. The passage
is what an encoder turns into a vector: short, without links, the beginning of each part.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from media.posts.marks import HASHTAG, lowered
from media.posts.searched_text import OTHER_WORDS_CHARS, PICTURE_WORDS_CHARS, TEXT_CHARS
from media.posts.word_forms import folded
from search import emoji

POST_CHARS = 2000
DESCRIPTION_CHARS = 500
OCR_CHARS = 300
"""What of each part is embedded (CONTRACT §12.1); of documents as much as of text in pictures."""
ARTICLE_CHARS = 1500
"""The same of the pages that a post points to."""
FILES_CHARS = 100_000
"""What of the texts of documents and pages is found by words: a row of the index holds 1 MB of lexemes."""

_LINK = re.compile(r"(?:https?://|www\.|t\.me/)\S+", re.IGNORECASE)
_TAG = re.compile(HASHTAG)
_YO = str.maketrans("ёЁ", "еЕ")
_NUL = "\x00"
MOST_TAGS = 100
LONGEST_WORD: Final = 128
"""Characters of a tag, label or object in a payload; longer ones are left out, so that all of it stays below 64 KB."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What is known about a post; empty where nothing is."""

    text: str = ""
    other_words: str = ""
    picture_words: str = ""
    description: str = ""
    labels: Sequence[str] = ()
    ocr_text: str = ""
    file_text: str = ""
    article_text: str = ""
    album_caption: str = ""
    tags: Sequence[str] = ()
    removed_tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """
    What is indexed about a post.

    `words`, `caption`, `pictures` and `others` are texts for the full-text index, by falling
    weight; `files` are the texts of documents and of pages that the post points to, which weigh as
    much as `pictures`. `emoji` are words for those that people wrote, which make no text longer. `tags` are those of text and caption, without #, lower-case, and those that
    the post was given, without those that a person removed. `passage` is the text to embed; empty
    where there is nothing to understand. Hashes are SHA-256, hexadecimal.
    """

    words: str
    caption: str
    pictures: str
    others: str
    emoji: str
    files: str
    tags: tuple[str, ...]
    passage: str

    @property
    def text_hash(self) -> str:
        """The hash of the passage: while it is equal, the vector is."""
        return _hash(self.passage)

    @property
    def document_hash(self) -> str:
        """The hash of everything that is indexed by words."""
        files = (self.files,) if self.files else ()  # the hash of a post without them stays
        signs = (self.emoji,) if self.emoji else ()
        told = (self.words, self.caption, self.pictures, self.others, *self.tags, *files, *signs)
        return _hash("\0".join(told))


def document_of(sources: Sources) -> Document:
    """Compose the document of a post. Every item of an album inherits the album's caption."""
    inherited = "" if sources.album_caption == sources.text else sources.album_caption
    pictures = sources.picture_words or "\n".join(
        filter(None, (sources.description, ", ".join(sources.labels), sources.ocr_text))
    )
    return Document(
        words=searched_form(sources.text)[:TEXT_CHARS],
        caption=searched_form(inherited)[:TEXT_CHARS],
        pictures=searched_form(pictures)[:PICTURE_WORDS_CHARS],
        others=searched_form(sources.other_words)[:OTHER_WORDS_CHARS],
        emoji=_emoji(sources, inherited),
        files=_files(sources),
        tags=_tags(sources, inherited),
        passage=_passage(sources, inherited),
    )


def _emoji(sources: Sources, inherited: str) -> str:
    """Words for the emoji of all that people wrote, apart from it, so that phrases span them."""
    written = (
        sources.text[:TEXT_CHARS],
        inherited[:TEXT_CHARS],
        sources.other_words[:OTHER_WORDS_CHARS],
    )
    return " ".join(emoji.words_in("\n".join(written)))


def _files(sources: Sources) -> str:
    """The texts of documents, then those of the pages that the post points to."""
    told = "\n".join(filter(None, (sources.file_text, sources.article_text)))
    return searched_form(told[:FILES_CHARS])[:FILES_CHARS]


def searched_form(text: str) -> str:
    """A text as it is indexed and asked for: `word_forms.folded`, ё as е, no NUL."""
    return folded(text).translate(_YO).replace(_NUL, " ")


def asked_form(text: str) -> str:
    """A text as it is asked for: an emoji is a word."""
    return emoji.spelled(searched_form(text))


def tags_in(text: str) -> tuple[str, ...]:
    """The #tags of a text in order, without #, lower-case, each once; #1 is a number, not a tag."""
    found = _TAG.findall(lowered(searched_form(text))) if "#" in text else []
    return tuple(dict.fromkeys(found))[:MOST_TAGS]


def _tags(sources: Sources, inherited: str) -> tuple[str, ...]:
    written = tags_in(f"{sources.text}\n{inherited}")
    removed = frozenset(sources.removed_tags)
    kept = [tag for tag in dict.fromkeys((*written, *sources.tags)) if tag not in removed]
    return tuple(kept[:MOST_TAGS])


def without_links(text: str) -> str:
    """A text on one line without links, which mean nothing to an encoder."""
    return " ".join(_LINK.sub(" ", folded(text).replace(_NUL, " ")).split())


def quiet(text: str) -> str:
    """A text with its lines in capitals, as pictures have them, as people write: models know such words."""
    return "\n".join(line.lower() if _shouts(line) else line for line in text.split("\n"))


def _shouts(line: str) -> bool:
    letters = [char for char in line if char.isalpha()]
    return len(letters) > 1 and sum(map(str.isupper, letters)) > len(letters) / 2


def cut_at_word(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, whole words where there are any."""
    if len(text) <= limit:
        return text
    head, space, _ = text[: limit + 1].rpartition(" ")
    return head if space else text[:limit]


def _passage(sources: Sources, inherited: str) -> str:
    text = sources.text if sources.text.strip() else inherited
    seen = " ".join(filter(None, (sources.description, ", ".join(sources.labels))))
    parts = (
        cut_at_word(without_links(text[: POST_CHARS * 4]), POST_CHARS),
        cut_at_word(without_links(seen[: DESCRIPTION_CHARS * 4]), DESCRIPTION_CHARS),
        cut_at_word(without_links(quiet(sources.ocr_text[: OCR_CHARS * 4])), OCR_CHARS),
        cut_at_word(without_links(sources.file_text[: OCR_CHARS * 4]), OCR_CHARS),
        cut_at_word(without_links(sources.article_text[: ARTICLE_CHARS * 4]), ARTICLE_CHARS),
    )
    return "\n".join(filter(None, parts))


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


NO_TEXT: Final = _hash("")
"""The `text_hash` of a post in which there is nothing to understand."""
