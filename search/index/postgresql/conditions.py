"""The condition that every hit fulfils: tenants first, then filters, phrases and exclusions."""

from collections.abc import Callable

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet

from search.documents import searched_form
from search.index.port import Scope
from search.models import SearchDocument
from search.query_terms import Filters, Query

_CONDITIONS: tuple[tuple[str, Callable[[Filters], object]], ...] = (
    ("channel__in", lambda f: list(f.channels) or None),
    ("album_id", lambda f: f.album),
    ("sender__in", lambda f: list(f.senders) or None),
    ("is_meme", lambda f: f.is_meme),
    ("has__contains", lambda f: list(f.has) or None),
    ("tags__contains", lambda f: list(f.tags) or None),
    ("classification__in", lambda f: list(f.classes) or None),
    ("lang__in", lambda f: list(f.languages) or None),
    ("posted_at__gte", lambda f: f.posted_from),
    ("posted_at__lt", lambda f: f.posted_before),
)


def matching(scope: Scope, query: Query) -> QuerySet[SearchDocument]:
    """Select the documents that may be hits, whatever their rank."""
    rows = SearchDocument.objects.filter(tenant__in=scope.tenants)
    for lookup, value_of in _CONDITIONS:
        value = value_of(scope.filters)
        if value is not None:
            rows = rows.filter(**{lookup: value})
    for phrase in query.phrases:
        rows = rows.filter(words=_phrase(phrase))
    for term in query.excluded:
        rows = rows.filter(~Q(words=_phrase(term)))
    return rows.order_by()


def _phrase(text: str) -> SearchQuery:
    return SearchQuery(searched_form(text), config="russian", search_type="phrase")
