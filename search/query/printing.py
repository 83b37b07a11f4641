"""A query as text: English names, one order, the least quotes."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from search.query.dates import write_period
from search.query.items import LISTS, MOMENTS, WORDS, Item, Kind
from search.query.parsed import ChannelBy, ChannelReference, ParsedQuery
from search.query.reading.characters import QUOTES, syntax_of

_BARE = re.compile(r"\w(?:[\w.@+&/-]*\w)?")
_PRINTED = ('"', "«", "“", "「")


def print_query(parsed: ParsedQuery) -> str:
    """
    The canonical text of a query, which is read as the same query.

    Relative dates have become absolute: what is to move on with the day is kept as it was typed.
    """
    return " ".join(map(write, items_of(parsed)))


def items_of(parsed: ParsedQuery) -> Iterator[Item]:
    """The items in the order in which they are printed: first what is looked for."""
    excluded = parsed.excluded
    yield from _items(parsed, WORDS)
    yield from _items(parsed.filters, LISTS)
    yield from _moments(parsed)
    yield from _items(excluded, WORDS, negated=True)
    yield from _items(excluded.filters, LISTS, negated=True)


def _items(fields: object, kinds: tuple[Kind, ...], *, negated: bool = False) -> Iterator[Item]:
    for kind in kinds:
        for value in getattr(fields, kind):
            yield Item(kind, value, negated)


def _moments(parsed: ParsedQuery) -> Iterator[Item]:
    for kind in MOMENTS:
        if moment := getattr(parsed.filters, kind):
            yield Item(kind, moment)


def write(item: Item) -> str:
    """One item as text."""
    return ("-" if item.negated else "") + _WRITERS[item.kind](item.value)


def _name(value: str) -> str:
    return value if _BARE.fullmatch(value) else _quoted(value)


def _quoted(value: str) -> str:
    """Use the first quotes whose closing one is not in it; those that it was read from are such."""
    syntax = syntax_of(value)
    opening = next(one for one in _PRINTED if QUOTES[one] not in syntax)
    return f"{opening}{value}{QUOTES[opening]}"


def _channel(reference: ChannelReference) -> str:
    match reference.by:
        case ChannelBy.ID:
            return f"channel:{reference.value}"
        case ChannelBy.USERNAME:
            return f"channel:@{reference.value}"
        case ChannelBy.NAME:
            return f"channel:{_channel_name(reference.value)}"


def _channel_name(value: str) -> str:
    """Quote also what would be read as an id or a link."""
    bare = _BARE.fullmatch(value) and "/" not in value and not value.isdecimal()
    return value if bare else _quoted(value)


def _date(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


_WRITERS: dict[Kind, Callable[[Any], str]] = {
    Kind.TERM: str,
    Kind.PHRASE: _quoted,
    Kind.TAG: "#{}".format,
    Kind.CHANNEL: _channel,
    Kind.ALBUM: "album:{}".format,
    Kind.AUTHOR: lambda value: f"from:{_name(value)}",
    Kind.STATE: "is:{}".format,
    Kind.FILE: "has:{}".format,
    Kind.PART: "has:{}".format,
    Kind.LANGUAGE: "lang:{}".format,
    Kind.LABEL: lambda value: f"tag:{_name(value)}",
    Kind.CLASS: lambda value: f"class:{_name(value)}",
    Kind.CATEGORY: "category:{}".format,
    Kind.FROM: lambda moment: f"after:{_date(moment)}",
    Kind.BEFORE: lambda moment: f"before:{_date(moment)}",
    Kind.PERIOD: lambda period: f"on:{write_period(period)}",
}
