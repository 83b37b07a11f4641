"""Words, phrases and #tags of a query."""

from collections.abc import Iterator

from search.query.items import Item, Kind
from search.query.reading.characters import is_of_word, syntax_of
from search.query.reading.tokens import Token

_AFTER_A_TAG = ".,;:!?)]}…"


def read_words(token: Token) -> Iterator[Item]:
    """The items of a token without a qualifier; none for an empty phrase."""
    if token.quoted:
        if token.value:
            yield Item(Kind.PHRASE, token.value, token.negated)
    elif tags := _tags(token.value):
        for tag in tags:
            yield Item(Kind.TAG, tag, token.negated)
    else:
        yield Item(Kind.TERM, token.value, token.negated)


def _tags(word: str) -> list[str]:
    """The tags of #one, `#one,` or #one#two, without #; none when any of it is no tag: #1, #c++."""
    syntax = syntax_of(word)
    if not syntax.startswith("#"):
        return []
    length = len(syntax.rstrip(_AFTER_A_TAG))
    tags, start = [], 1
    for part in syntax[1:length].split("#"):
        tags.append(word[start : start + len(part)])
        start += len(part) + 1
    return tags if all(map(_is_tag, tags)) else []


def _is_tag(text: str) -> bool:
    return all(map(is_of_word, text)) and any(map(str.isalpha, text))
