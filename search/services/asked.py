"""What a text asks of the index: the query language, and the channels that whoever asks may see."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from unicodedata import category
from uuid import UUID

from media.posts.marks import lowered
from search import emoji
from search.documents import searched_form
from search.index.port import Scope
from search.index.postgresql.conditions import without_words
from search.query import parsed as language
from search.query.items import Item, Kind
from search.query.message_reference import MessageReference, read_reference
from search.query.parse import parse
from search.query.parsed import ChannelReference, ParsedQuery, State
from search.query.printing import print_query, write
from search.query.problems import Problem, ProblemCode
from search.query_terms import CATEGORY, Filters, Query
from search.services.named_channels import find_channels
from search.services.named_messages import find_messages

_NOT_IN_HAS = frozenset({State.MEME, State.PINNED, State.DELETED})
"""What `has` of a document does not say: the index has a column for it, or the posts are asked."""

Named = Mapping[ChannelReference, tuple[UUID, ...]]
Messages = Mapping[MessageReference, tuple[UUID, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """
    A query for the index, and what of the text could not be understood or applied.

    `canonical` is the text as it was understood, in English names.
    """

    query: Query
    scope: Scope
    problems: tuple[Problem, ...] = ()
    canonical: str = ""


def read(text: str, tenants: Sequence[UUID], *, now: datetime, zone: tzinfo) -> Asked:
    """
    Read a text for a search in the posts of `tenants`; any text will do.

    `now` is aware; dates are those of `zone`. Where only channels are asked for that `tenants` do
    not have, the scope has no tenants: nothing can be found.
    """
    parsed = parse(_storable(text), now=now, zone=zone)
    wanted, unwanted = parsed.filters, parsed.excluded.filters
    named = find_channels((*wanted.channels, *unwanted.channels), tenants)
    filters = _filters(wanted, named)
    is_nowhere = bool(wanted.channels) and not filters.channels
    messages = find_messages(parsed.messages, tenants)
    query, too_common = _without_common(_query(parsed, messages))
    too_common += _signs(parsed)
    return Asked(
        query=query,
        scope=Scope(
            () if is_nowhere else tuple(tenants),
            filters,
            _filters(unwanted, named, tags=parsed.excluded.tags),
        ),
        problems=(
            *parsed.problems,
            *_not_applied(parsed, named),
            *_unknown(messages),
            *too_common,
        ),
        canonical=print_query(parsed),
    )


@dataclass(frozen=True, slots=True)
class Said:
    """
    The words of a text, which depend neither on who asks nor on when.

    `is_all`: it asks for nothing else. Not `is_clear`, a part of it was not understood.
    """

    words: tuple[str, ...]
    is_all: bool
    is_clear: bool


def said_in(text: str, *, now: datetime) -> Said:
    """Read the words of a text as `read` does; nothing is looked up."""
    parsed = parse(_storable(text), now=now, zone=UTC)
    alone = ParsedQuery(terms=parsed.terms)
    return Said(_query(parsed, {}).words, is_all=parsed == alone, is_clear=not parsed.problems)


def _storable(text: str) -> str:
    """The text with all places kept, without what no database takes: halves of pairs, and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


def _query(parsed: ParsedQuery, messages: Messages) -> Query:
    """Words without letters, digits and emoji are left out: the index has none."""
    excluded = parsed.excluded
    terms = _spoken(parsed.terms)
    paths = {term: path for term in terms if (path := _path(term))}
    return Query(
        words=tuple(paths.get(term, term) for term in terms),
        named=tuple(dict.fromkeys(pk for found in messages.values() for pk in found)),
        unspoken=tuple(paths.values()),
        phrases=_spoken(parsed.phrases),
        tags=_tags(parsed.tags),
        excluded=_spoken((*excluded.terms, *excluded.phrases)),
    )


def _without_common(query: Query) -> tuple[Query, list[Problem]]:
    """The query without phrases and exclusions of which the index has no word, and what to say of them."""
    common = without_words([*query.phrases, *query.excluded])
    if not common:
        return query, []
    problems = [_too_common(one, negated=False) for one in query.phrases if one in common]
    problems += [_too_common(one, negated=True) for one in query.excluded if one in common]
    phrases = tuple(one for one in query.phrases if one not in common)
    excluded = tuple(one for one in query.excluded if one not in common)
    return replace(query, phrases=phrases, excluded=excluded), problems


def _signs(parsed: ParsedQuery) -> list[Problem]:
    """Signs such as № or ©, of which the index has none; a dash or bracket between words is no news."""
    given = (
        (Kind.TERM, parsed.terms, False),
        (Kind.PHRASE, parsed.phrases, False),
        (Kind.TERM, parsed.excluded.terms, True),
        (Kind.PHRASE, parsed.excluded.phrases, True),
    )
    return [
        Problem(ProblemCode.TOO_COMMON, 0, 0, write(Item(kind, one, negated)))
        for kind, texts, negated in given
        for one in texts
        if not _spoken([one]) and any(category(char) == "So" for char in one)
    ]


def _too_common(phrase: str, *, negated: bool) -> Problem:
    item = Item(Kind.PHRASE, phrase, negated)
    return Problem(ProblemCode.TOO_COMMON, 0, 0, write(item))


def _path(term: str) -> str:
    """The path of a link to a message, which posts that mention the message have as a word."""
    reference = read_reference(term)
    return reference.path if reference else ""


def _spoken(terms: Iterable[str]) -> tuple[str, ...]:
    return tuple(term for term in terms if any(map(str.isalnum, term)) or emoji.words_in(term))


def _tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags in the form that the index has."""
    return tuple(dict.fromkeys(lowered(searched_form(tag)) for tag in tags))


def _filters(given: language.Filters, named: Named, *, tags: tuple[str, ...] = ()) -> Filters:
    states = (state.value for state in given.states if state not in _NOT_IN_HAS)
    parts = (part.value for part in given.parts)
    categories = (f"{CATEGORY}{category}" for category in given.categories)
    return Filters(
        channels=tuple(pk for reference in given.channels for pk in named[reference]),
        albums=given.albums,
        senders=given.authors,
        is_meme=True if State.MEME in given.states else None,
        is_pinned=True if State.PINNED in given.states else None,
        is_deleted=True if State.DELETED in given.states else None,
        has=(*states, *parts, *categories),
        files=tuple(file.value for file in given.files),
        tags=_tags((*given.labels, *tags)),
        classes=given.classes,
        languages=given.languages,
        posted_from=given.posted_from,
        posted_before=given.posted_before,
        periods=tuple((period.start, period.end) for period in given.periods),
    )


def _not_applied(parsed: ParsedQuery, named: Named) -> Iterator[Problem]:
    for given, negated in ((parsed.filters, False), (parsed.excluded.filters, True)):
        for reference in given.channels:
            if not named[reference]:
                item = Item(Kind.CHANNEL, reference, negated)
                yield _problem(ProblemCode.UNKNOWN_CHANNEL, item, "channel")


def _unknown(messages: Messages) -> Iterator[Problem]:
    """Links that lead to no message of the archive; a number may be just a number."""
    for reference, found in messages.items():
        if reference.channel and not found:
            yield Problem(ProblemCode.UNKNOWN_MESSAGE, 0, 0, f"t.me{reference.path}")


def _problem(code: ProblemCode, item: Item, qualifier: str) -> Problem:
    return Problem(code, 0, 0, write(item), qualifier=qualifier)
