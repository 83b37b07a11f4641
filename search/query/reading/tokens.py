"""A query cut into words, quoted phrases and qualifiers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from search.query.reading.characters import Characters, can_be_found
from search.query.vocabulary import Qualifier, qualifier_prefix


@dataclass(frozen=True, slots=True)
class Token:
    """
    A word, a phrase (`quoted`) or a qualifier with its value.

    `written` is all of it as typed; `start` and `end` its place in the original text. `unclosed`:
    a quote follows the colon, and none closes it.
    """

    value: str
    written: str
    start: int
    end: int
    qualifier: Qualifier | None = None
    quoted: bool = False
    negated: bool = False
    unclosed: bool = False


def tokens_of(chars: Characters) -> Iterator[Token]:
    """Read the tokens. Quotes that open or close nothing separate words, as spaces do."""
    at = 0
    while at < len(chars.text):
        token, end = _read(chars, at)
        if token:
            yield token
        at = max(end, at + 1)


@dataclass(frozen=True, slots=True)
class _Prefix:
    """What stands before the word or the opening quote."""

    length: int
    negated: bool
    qualifier: Qualifier | None = None


_EXCLUDED = _Prefix(1, negated=True)


def _read(chars: Characters, at: int) -> tuple[Token | None, int]:
    """The token that begins here, if one does, and where it ends."""
    end = _end_of_word(chars, at)
    prefix = _prefix(chars.syntax[at:end])
    opening = at + prefix.length
    if opening < end:
        return _token(chars, at, end, prefix, value=chars.written(opening, end)), end
    closing = chars.closing_quote(opening)
    if closing is not None:
        value = chars.written(opening + 1, closing)
        return _token(chars, at, closing + 1, prefix, value=value, quoted=True), closing + 1
    if prefix.length and end < len(chars.text) and chars.is_quote(end):
        return _with_open_quote(chars, at, end, prefix)
    return _token_without_value(chars, at, end, prefix) if end > at else None, end


def _with_open_quote(
    chars: Characters, at: int, quote: int, prefix: _Prefix
) -> tuple[Token | None, int]:
    """
    Read -"word and channel:"name, whose quotes are never closed.

    Whoever typed the first wants less of it: looking for the word would be the opposite.
    """
    if prefix.qualifier:
        token = _token(chars, at, quote + 1, prefix, value="")
        return replace(token, unclosed=True), quote + 1
    end = _end_of_word(chars, quote + 1)
    value = chars.syntax[quote + 1 : end]
    if value and _prefix(f"-{value}") == _EXCLUDED:
        return _token(chars, at, end, prefix, value=chars.written(quote + 1, end)), end
    return _token_without_value(chars, at, quote, prefix), quote


def _prefix(syntax: str) -> _Prefix:
    """Tell a minus that excludes from one that is a part of a word: --, --help, -:, a dash."""
    if found := qualifier_prefix(syntax):
        return _Prefix(found[1], syntax.startswith("-"), found[0])
    rest = syntax[1:]
    if syntax == "-" or (syntax[:1] == "-" != rest[:1] and can_be_found(rest)):
        return _EXCLUDED
    return _Prefix(0, negated=False)


def _token(
    chars: Characters, at: int, end: int, prefix: _Prefix, *, value: str, quoted: bool = False
) -> Token:
    start, stop = chars.place(at, end)
    written = chars.written(at, end)
    return Token(value, written, start, stop, prefix.qualifier, quoted, prefix.negated)


def _token_without_value(chars: Characters, at: int, end: int, prefix: _Prefix) -> Token:
    """Take a lone minus for a word, and a qualifier for one without a value."""
    start, stop = chars.place(at, end)
    written = chars.written(at, end)
    value = "" if prefix.qualifier else written
    return Token(value, written, start, stop, prefix.qualifier)


def _end_of_word(chars: Characters, at: int) -> int:
    for place in range(at, len(chars.text)):
        if chars.text[place].isspace() or (
            chars.is_quote(place) and not _means_inches(chars, place)
        ):
            return place
    return len(chars.text)


def _means_inches(chars: Characters, at: int) -> bool:
    """Whether the quote is the end of a size, as 27" is: a part of the word, for 27 is a number."""
    after = chars.text[at + 1 : at + 2]
    before = chars.text[at - 1] if at else ""
    return chars.syntax[at] == '"' and before.isdigit() and (not after or after.isspace())
