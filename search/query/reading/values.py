"""The values of qualifiers: items, or the problem why a value is none."""

import re
from collections.abc import Callable

from search.query.dates import Clock, read_period
from search.query.items import Item, Kind
from search.query.parsed import ChannelBy, ChannelReference, Period
from search.query.problems import Problem, ProblemCode
from search.query.reading.characters import can_be_found
from search.query.reading.tokens import Token
from search.query.vocabulary import (
    CATEGORIES,
    FILES,
    LANGUAGES,
    PARTS,
    STATES,
    Qualifier,
    keyword,
    named,
)

SHOWN_CHARS = 60
BIGGEST_INTEGER = 2**63 - 1
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_USERNAME = re.compile(r"@(\w+)")
_CHANNEL_LINK = re.compile(
    r"(?:https?://)?t(?:elegram)?\.me/(?:(c)/([0-9]{1,19})|(?:s/)?(\w+))/?", re.IGNORECASE
)
_TRAILING = ",;"

Found = tuple[Kind, object] | ProblemCode
"""What a value means, or why it means nothing."""


def read_qualifier(token: Token, clock: Clock) -> Item | Problem:
    """The condition that a token of a qualifier states."""
    value = token.value if token.quoted else token.value.rstrip(_TRAILING)
    if token.unclosed:
        return problem_of(token, ProblemCode.OPEN_QUOTE)
    if not value or token.qualifier is None:
        return problem_of(token, ProblemCode.EMPTY_VALUE)
    found = _read(token.qualifier, value, token, clock)
    return problem_of(token, found) if isinstance(found, ProblemCode) else found


def _read(qualifier: Qualifier, value: str, token: Token, clock: Clock) -> Item | ProblemCode:
    if qualifier in _DATES:
        return _date(qualifier, read_period(value, clock), negated=token.negated)
    if qualifier == Qualifier.CHANNEL:
        found = _channel(value, quoted=token.quoted)
    else:
        found = _READERS[qualifier](value)
    return found if isinstance(found, ProblemCode) else Item(*found, token.negated)


def problem_of(token: Token, code: ProblemCode, *, limit: int = 0) -> Problem:
    text = token.written
    shown = text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"
    choices = _CHOICES.get(token.qualifier) if token.qualifier else None
    return Problem(
        code,
        token.start,
        token.end,
        shown,
        qualifier=token.qualifier or "",
        choices=choices if choices and code == ProblemCode.UNKNOWN_VALUE else (),
        limit=limit,
    )


def _channel(value: str, *, quoted: bool) -> Found:
    reference = _reference(value, quoted=quoted)
    if reference.by == ChannelBy.ID and abs(int(reference.value)) > BIGGEST_INTEGER:
        return ProblemCode.BAD_NUMBER
    return Kind.CHANNEL, reference


def _reference(value: str, *, quoted: bool) -> ChannelReference:
    """Take what is in quotes for a name whatever it looks like."""
    if quoted:
        return ChannelReference(ChannelBy.NAME, value)
    if _INTEGER.fullmatch(value):
        return ChannelReference(ChannelBy.ID, str(int(value)))
    if username := _USERNAME.fullmatch(value):
        return ChannelReference(ChannelBy.USERNAME, username[1])
    if not (link := _CHANNEL_LINK.fullmatch(value)):
        return ChannelReference(ChannelBy.NAME, value)
    if link[1]:
        return ChannelReference(ChannelBy.ID, str(int(link[2])))
    return ChannelReference(ChannelBy.USERNAME, link[3])


def _album(value: str) -> Found:
    if not _INTEGER.fullmatch(value) or abs(int(value)) > BIGGEST_INTEGER:
        return ProblemCode.BAD_NUMBER
    return Kind.ALBUM, int(value)


def _author(value: str) -> Found:
    return Kind.AUTHOR, value


def _state(value: str) -> Found:
    state = named(value, STATES)
    return (Kind.STATE, state) if state else ProblemCode.UNKNOWN_VALUE


def _has(value: str) -> Found:
    if file := named(value, FILES):
        return Kind.FILE, file
    part = named(value, PARTS)
    return (Kind.PART, part) if part else ProblemCode.UNKNOWN_VALUE


def _language(value: str) -> Found:
    code = named(value, LANGUAGES)
    return (Kind.LANGUAGE, code) if code else ProblemCode.BAD_LANGUAGE


def _label(value: str) -> Found:
    label = value.lstrip("#＃").strip()
    return (Kind.LABEL, label) if can_be_found(label) else ProblemCode.BAD_LABEL


def _class(value: str) -> Found:
    return Kind.CLASS, keyword(value)


def _category(value: str) -> Found:
    category = named(value, CATEGORIES)
    return (Kind.CATEGORY, category) if category else ProblemCode.UNKNOWN_VALUE


def _date(qualifier: Qualifier, period: Period | None, *, negated: bool) -> Item | ProblemCode:
    """What is not before a moment is from it on, so before: and after: have no negation."""
    if period is None:
        return ProblemCode.BAD_DATE
    if qualifier == Qualifier.ON:
        return Item(Kind.PERIOD, period, negated)
    from_it_on = (qualifier == Qualifier.AFTER) != negated
    return Item(Kind.FROM if from_it_on else Kind.BEFORE, period.start)


_DATES = (Qualifier.AFTER, Qualifier.BEFORE, Qualifier.ON)
_READERS: dict[Qualifier, Callable[[str], Found]] = {
    Qualifier.ALBUM: _album,
    Qualifier.FROM: _author,
    Qualifier.IS: _state,
    Qualifier.HAS: _has,
    Qualifier.LANG: _language,
    Qualifier.TAG: _label,
    Qualifier.CLASS: _class,
    Qualifier.CATEGORY: _category,
}
_CHOICES = {
    Qualifier.IS: tuple(map(str, STATES)),
    Qualifier.HAS: (*map(str, FILES), *map(str, PARTS)),
    Qualifier.CATEGORY: tuple(CATEGORIES),
}
