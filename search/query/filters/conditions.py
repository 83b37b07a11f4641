"""Conditions of known types on the fields of the index: what both adapters build filters of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from events.errors import DomainError

Scalar = int | str | bool
Bound = int | float | datetime
BOUNDS = ("gt", "gte", "lt", "lte")


class FieldType(StrEnum):
    """What the payload of the index holds in a field; `keywords` is a list of them."""

    INTEGER = "integer"
    NUMBER = "number"
    KEYWORD = "keyword"
    KEYWORDS = "keywords"
    BOOLEAN = "boolean"
    DATETIME = "datetime"


FIELDS: Mapping[str, FieldType] = {
    "post_id": FieldType.KEYWORD,
    "tenant_id": FieldType.KEYWORD,
    "channel_id": FieldType.KEYWORD,
    "telegram_message_id": FieldType.INTEGER,
    "album_id": FieldType.INTEGER,
    "tags": FieldType.KEYWORDS,
    "has_media": FieldType.BOOLEAN,
    "content_length": FieldType.INTEGER,
    "created_at": FieldType.DATETIME,
    "posted_at": FieldType.DATETIME,
    "expires_at": FieldType.DATETIME,
    "vision.is_meme": FieldType.BOOLEAN,
    "vision.labels": FieldType.KEYWORDS,
    "vision.objects": FieldType.KEYWORDS,
    "vision.scene": FieldType.KEYWORD,
    "vision.nsfw_score": FieldType.NUMBER,
    "vision.aesthetic_score": FieldType.NUMBER,
    "vision.classification": FieldType.KEYWORD,
    "vision.dominant_colors": FieldType.KEYWORDS,
    "crawl.has_crawl": FieldType.BOOLEAN,
    "crawl.html_key": FieldType.KEYWORD,
    "crawl.word_count": FieldType.INTEGER,
}


class FilterRefused(DomainError):
    """A filter was not understood; `field` is its name."""

    code: ClassVar[str] = "filter_refused"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason

    def context(self) -> dict[str, Any]:
        return {"field": self.field, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Match:
    """The field is this value; of a list, one item is."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class MatchAny:
    """The field is one of these values; of a list, one item is."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The field is within these bounds, of which at least one is set. Datetimes are aware."""

    field: str
    gt: Bound | None = None
    gte: Bound | None = None
    lt: Bound | None = None
    lte: Bound | None = None

    @property
    def bounds(self) -> dict[str, Bound]:
        """The bounds that are set."""
        return {name: getattr(self, name) for name in BOUNDS if getattr(self, name) is not None}


Condition = Match | MatchAny | Range


@dataclass(frozen=True, slots=True)
class FilterConditions:
    """Conditions all of which hold for every hit, in the order of the dict."""

    conditions: tuple[Condition, ...] = ()
