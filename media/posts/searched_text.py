"""
The text of a post by which it is found: a pure function of what is known about the post.

Not all words of a post stand in its text: there are places, games, files, buttons, and what was
seen in its pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from media.posts.content import FORMATTING
from media.posts.word_forms import folded, further_forms, has_further_forms, split_words

TEXT_CHARS = 50_000
OTHER_WORDS_CHARS = 20_000
PICTURE_WORDS_CHARS = 50_000
"""What the columns hold; the index of words reads no more, see `Post`."""
_TEXT, _FILE, _PICTURE = "text", "file", "picture"
_FIELDS = (
    ("audio", ("performer", "title")),
    ("place", ("place.name", "place.address")),
    ("game", ("game.title", "game.description")),
    ("invoice", ("invoice.title", "invoice.description")),
    ("giveaway", ("giveaway_information.additional_prize", "giveaway_results.additional_prize")),
)
_FIELD_KEYS = {path.partition(".")[0] for _, paths in _FIELDS for path in paths}


class Described(Protocol):
    """A stored post, or the row that an import writes."""

    content: str
    media_name: str
    extra: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TextPart:
    """
    A piece of text and where it stands.

    `kind` is text, link (the address behind words), audio, place, game, invoice, giveaway, button,
    file or picture.
    """

    kind: str
    text: str


def text_parts(post: Described, *, picture_words: str = "") -> tuple[TextPart, ...]:
    """
    The text of a post in the order in which it is read; empty pieces are left out.

    The words of polls, to-do lists and rich messages are a part of its `content`.
    `picture_words` is what was recognized and seen in its pictures.
    """
    found = [(_TEXT, post.content), *_links(post.extra), *_fields(post.extra), *_names(post)]
    found.append((_PICTURE, picture_words))
    return tuple([TextPart(kind, text) for kind, text in found if text.strip()])


def other_words(post: Described) -> str:
    """
    The words of a post that are not in its text, a line each, for the index of words.

    The words of links and of names of files stand alone, too, and a text that is not written as
    people type it is repeated as they do, see `word_forms`.
    """
    text = post.content[:TEXT_CHARS]
    forms = further_forms(text) if has_further_forms(text) else ()
    outside = _outside(post) if post.extra or post.media_name else ()
    return "\n".join(dict.fromkeys((*outside, *forms)))[:OTHER_WORDS_CHARS]


def searched_picture_words(texts: list[str]) -> str:
    """What was recognized and seen in the pictures of a post, and its further forms."""
    words = folded("\n".join(filter(None, texts)))[:PICTURE_WORDS_CHARS]
    return "\n".join((words, *further_forms(words)))[:PICTURE_WORDS_CHARS]


def _outside(post: Described) -> Iterator[str]:
    for part in text_parts(post):
        if part.kind == _TEXT:
            continue
        yield folded(part.text)
        yield from (split_words(part.text),) if part.kind == _FILE else further_forms(part.text)


def _links(extra: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Addresses that the text only has behind words: [start, length, "text_link", address]."""
    for part in _list(extra, FORMATTING):
        if isinstance(part, list) and part[2:3] == ["text_link"]:
            yield "link", _words((part[3:4] or [""])[0])


def _fields(extra: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if _FIELD_KEYS.isdisjoint(extra):
        return  # most posts: an import asks this of each
    for kind, paths in _FIELDS:
        for path in paths:
            yield kind, _words(_at(extra, path))


def _names(post: Described) -> Iterator[tuple[str, str]]:
    for track in _list(post.extra, "more_tracks"):
        for key in ("performer", "title"):
            yield "audio", _words(_at(track, key))
    for button in _list(post.extra, "buttons"):
        for key in ("text", "copy_text", "query"):
            yield "button", _words(_at(button, key))
    yield _FILE, post.media_name
    for name in _list(post.extra, "files"):
        yield _FILE, _words(name)


def _list(extra: dict[str, Any], key: str) -> list[Any]:
    found = extra.get(key)
    return found if isinstance(found, list) else []


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _words(value: Any) -> str:
    return value if isinstance(value, str) else ""
