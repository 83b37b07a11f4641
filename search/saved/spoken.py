"""
What a saved search says with its words, whoever asks and whenever: kept, so that it is read once.

Dates move on and channels are those that a user may see, but words stay words. So most saved
searches are known not to match a batch of posts before they are read for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.db import connection

from search.documents import asked_form
from search.query.parse import MOST_CHARS
from search.services import asked
from search.words import STOP_WORDS

_MOST_KEPT: Final = 10_000
_ANY_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
_known: dict[str, "Spoken"] = {}


@dataclass(frozen=True, slots=True)
class Spoken:
    """`needs` is a tsquery of all words, empty where nothing can be told; `is_all`: nothing else is asked."""

    needs: str = ""
    is_all: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A post that has all the words of the text with this key."""

    key: UUID
    post_id: UUID
    tenant_id: UUID


def spoken(texts: Iterable[str]) -> dict[str, Spoken]:
    """What each text says; those that are new are read, by one statement for all."""
    wanted = set(texts)
    new = [text for text in wanted if text not in _known]
    found = {text: _known[text] for text in wanted if text in _known} | _read(new)
    if len(_known) + len(new) > _MOST_KEPT:
        _known.clear()
    _known.update(found)
    return found


def having_words(needs: Mapping[UUID, str], post_ids: Sequence[UUID]) -> list[Heard]:
    """The posts whose documents fit the tsquery of a key, by one statement for all keys."""
    if not needs:
        return []
    with connection.cursor() as cursor:
        # The documents first and once, by their keys: the planner takes @@ for more selective.
        # Joined with nothing, a long one is unpacked once, not for each search.
        cursor.execute(
            "WITH documents AS MATERIALIZED (SELECT post_id, tenant_id, words || ''::tsvector AS words"
            " FROM search_documents WHERE post_id = ANY(%s))"
            " SELECT key, post_id, tenant_id"
            " FROM unnest(%s::uuid[], %s::text[]::tsquery[]) AS asked (key, needs)"
            " JOIN documents ON words @@ needs",
            [list(post_ids), list(needs), list(needs.values())],
        )
        return [Heard(*row) for row in cursor.fetchall()]


def needs_of(queries: Sequence[Sequence[str]]) -> list[str]:
    """Make a tsquery of the words of each query, by one statement for all."""
    words = [
        (number, asked_form(word))
        for number, query in enumerate(queries)
        for word in query
        if word.lower() not in STOP_WORDS
    ]
    needs: list[list[str]] = [[] for _ in queries]
    for number, part in _parsed(words):
        if part:  # of «и» and «в» nothing is left
            needs[number].append(part)
    return [" & ".join(f"({part})" for part in parts) for parts in needs]


def _parsed(words: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    if not words:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, plainto_tsquery('russian', form)::text"
            " FROM unnest(%s::int[], %s::text[]) WITH ORDINALITY AS w (number, form, n) ORDER BY n",
            [[number for number, _ in words], [word for _, word in words]],
        )
        rows: list[tuple[int, str]] = cursor.fetchall()
        return rows


def _read(texts: Sequence[str]) -> dict[str, Spoken]:
    # A text that is cut, or not understood, may be so on some days only.
    short = [text for text in texts if len(text) <= MOST_CHARS // 2]
    said = {text: asked.said_in(text, now=_ANY_TIME) for text in short}
    clear = {text: one for text, one in said.items() if one.is_clear}
    needs = needs_of([one.words for one in clear.values()])
    found = {
        text: Spoken(need, is_all=one.is_all and bool(need))
        for (text, one), need in zip(clear.items(), needs, strict=True)
    }
    return {text: found.get(text, Spoken()) for text in texts}
