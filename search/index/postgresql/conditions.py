"""The condition that every hit fulfils: tenants first, then filters, phrases and exclusions."""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from media.models import PinnedMessage
from search import emoji
from search.documents import asked_form, searched_form
from search.index.port import Scope
from search.index.postgresql.lexemes import any_of
from search.models import SearchDocument
from search.query_terms import Filters, Query

_PIN = PinnedMessage.objects.filter(
    channel=OuterRef("channel"), telegram_message_id=OuterRef("post__telegram_message_id")
)


def matching(scope: Scope, query: Query) -> QuerySet[SearchDocument]:
    """Select the documents that may be hits, whatever their rank."""
    rows = SearchDocument.objects.filter(tenant__in=scope.tenants)
    rows = rows.filter(*_conditions(scope.filters), *_moments(scope.filters))
    rows = rows.filter(*(~one for one in _conditions(scope.excluded)))
    for phrase in query.phrases:
        rows = rows.filter(words=_phrase(phrase))
    for term in query.excluded:
        rows = rows.filter(~Q(words=_phrase(term)))
    return rows.order_by()


def having_any(
    rows: QuerySet[SearchDocument], lexemes: Sequence[str], tags: Sequence[str]
) -> QuerySet[SearchDocument]:
    """Select the documents that have any of these lexemes or tags."""
    # A cast takes lexemes as they are; Django's queries would take them for words and stem them.
    return rows.extra(
        where=["search_documents.words @@ %s::tsquery OR search_documents.tags && %s::text[]"],
        params=[any_of(lexemes), list(tags)],
    )


def without_words(phrases: Sequence[str]) -> set[str]:
    """The phrases that have no word of the index, such as «и в»: nothing has or lacks them."""
    if not phrases:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n FROM unnest(%s::text[]) WITH ORDINALITY AS given (phrase, n)"
            " WHERE numnode(phraseto_tsquery('russian', phrase)) = 0",
            [[asked_form(phrase) for phrase in phrases]],
        )
        return {phrases[n - 1] for (n,) in cursor.fetchall()}


def _conditions(filters: Filters) -> Iterator[Q]:
    """A condition per field of which any value fits, and per value where all have to."""
    lists = {
        "channel__in": filters.channels,
        "album_id__in": filters.albums,
        "has__overlap": filters.files,
        "classification__in": filters.classes,
        "lang__in": filters.languages,
    }
    yield from (Q(**{lookup: list(values)}) for lookup, values in lists.items() if values)
    if filters.senders:
        yield reduce(or_, (Q(sender__iregex=_whole_words(one)) for one in filters.senders))
    if filters.periods:
        yield reduce(or_, (Q(posted_at__gte=a, posted_at__lt=b) for a, b in filters.periods))
    if filters.is_meme is not None:
        yield Q(is_meme=filters.is_meme)
    if filters.is_deleted is not None:  # asked of the post: no event tells of a deletion
        yield Q(post__deleted_at__isnull=not filters.is_deleted)
    if filters.is_pinned is not None:  # a pin may be known before its post is
        yield Q(Exists(_PIN)) if filters.is_pinned else ~Q(Exists(_PIN))
    yield from (Q(has__contains=[one]) for one in filters.has)
    yield from (Q(tags__contains=[one]) for one in filters.tags)


def _moments(filters: Filters) -> Iterator[Q]:
    if filters.posted_from:
        yield Q(posted_at__gte=filters.posted_from)
    if filters.posted_before:
        yield Q(posted_at__lt=filters.posted_before)


def _whole_words(name: str) -> str:
    """The regular expression of PostgreSQL for a name, or a part of it that consists of whole words."""
    escaped = (f"\\{char}" if not char.isalnum() and not char.isspace() else char for char in name)
    written = "".join(
        "[её]" if char in "её" else "[ЕЁ]" if char in "ЕЁ" else char for char in escaped
    )
    return rf"(^|\W){written}(\W|$)"


def _phrase(text: str) -> Any:
    """Its words one after the other, and its emoji, which the index has apart from them."""
    words = searched_form(text)
    parts = [one for one in (emoji.without(words), *emoji.words_in(words)) if one.strip()]
    queries = [SearchQuery(one, config="russian", search_type="phrase") for one in parts or [""]]
    return reduce(and_, queries)
