"""The typed filters of `search_vectors` on rows: columns, and what enrichments hold as JSON."""

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from typing import Any, Final
from uuid import UUID

from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    FloatField,
    Func,
    IntegerField,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Length

from search.models import SearchDocument
from search.query.filters.conditions import (
    Condition,
    FilterConditions,
    Match,
    MatchAny,
    Scalar,
)
from search.query.filters.rows import filter_rows
from vision.models import EnrichmentKind, PostEnrichment

_COLUMNS: Final = {
    "post_id": "post_id",
    "tenant_id": "tenant_id",
    "channel_id": "channel_id",
    "telegram_message_id": "post__telegram_message_id",
    "album_id": "album_id",
    "tags": "tags",
    "has_media": "post__has_media",
    "content_length": "content_length",
    "created_at": "post__created_at",
    "posted_at": "posted_at",
    "expires_at": "expires_at",
    "vision.is_meme": "is_meme",
    "vision.classification": "classification",
    "vision.scene": "scene",
    "vision.nsfw_score": "nsfw_score",
    "vision.aesthetic_score": "aesthetic_score",
    "crawl.has_crawl": "has_crawl",
    "crawl.html_key": "html_key",
    "crawl.word_count": "word_count",
}
_LISTS: Final = {
    "vision.labels": "labels",
    "vision.objects": "objects",
    "vision.dominant_colors": "dominant_colors",
}
"""Lists in the data of an enrichment."""
_UUIDS: Final = {"post_id", "tenant_id", "channel_id"}


class _Greatest(Func):
    """The greatest of a score over the analyses of an enrichment's data."""

    template = (
        "(SELECT max((one.value ->> '%(score)s')::float)"
        " FROM jsonb_each(coalesce(%(expressions)s -> 'analyses', '{}')) AS one)"
    )
    output_field = FloatField()


def _data() -> Subquery:
    seen = PostEnrichment.objects.filter(post=OuterRef("pk"), kind=EnrichmentKind.VISION)
    return Subquery(seen.values("data")[:1], output_field=JSONField())


_COMPUTED: Final[Mapping[str, Callable[[], Any]]] = {
    "content_length": lambda: Length("post__content"),
    "expires_at": lambda: Value(None, output_field=DateTimeField()),
    "scene": lambda: KeyTextTransform("scene", _data()),
    "nsfw_score": lambda: _Greatest(_data(), score="nsfw_score"),
    "aesthetic_score": lambda: _Greatest(_data(), score="aesthetic_score"),
    "has_crawl": lambda: Value(False, output_field=BooleanField()),  # noqa: FBT003
    "html_key": lambda: Value(None, output_field=CharField()),
    "word_count": lambda: Value(0, output_field=IntegerField()),
}
"""What stands in no column of the document."""


def typed_rows(
    rows: QuerySet[SearchDocument], filters: FilterConditions
) -> QuerySet[SearchDocument]:
    """Select the rows that fulfil all of the conditions, as Qdrant does with their payloads."""
    for one in filters.conditions:
        column = _COLUMNS.get(one.field, "")
        if column in _COMPUTED:
            rows = rows.annotate(**{column: _COMPUTED[column]()})
        rows = rows.filter(_condition(one))
    return rows


def _condition(one: Condition) -> Q:
    if one.field in _LISTS:
        return reduce(or_, (_has(one.field, value) for value in _values(one)))
    if one.field in _UUIDS:
        return Q(**{f"{_COLUMNS[one.field]}__in": list(filter(_is_uuid, _values(one)))})
    return filter_rows(FilterConditions((one,)), columns=_COLUMNS, arrays=frozenset({"tags"}))


def _has(field: str, value: Scalar) -> Q:
    path = f"post__enrichments__data__{_LISTS[field]}__contains"
    seen = SearchDocument.objects.filter(
        **{path: [value]}, post__enrichments__kind=EnrichmentKind.VISION
    )
    return Q(pk__in=seen.values("pk"))


def _values(one: Condition) -> tuple[Scalar, ...]:
    match one:
        case Match(_, value):
            return (value,)
        case MatchAny(_, values):
            return values
    return ()  # of these fields no range is read


def _is_uuid(value: Scalar) -> bool:
    """Whether it is an id as payloads spell it."""
    try:
        return str(UUID(str(value))) == value
    except ValueError:
        return False
