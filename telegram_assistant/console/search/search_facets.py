"""Facets on the page of the search: links that add a condition, and a bar for each month."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.access import User
from search.index.postgresql.facets import Facet
from search.services.facets import Value, facets_of

_TITLES = {
    Facet.CHANNEL: _("Channels"),
    Facet.TAG: _("Tags"),
    Facet.CLASS: _("Classes of pictures"),
    Facet.MONTH: _("Months"),
}


@dataclass(frozen=True, slots=True)
class Link:
    """A value; `percent` is its part of the greatest of its group, 1 to 100."""

    label: str
    posts: int
    address: str
    percent: int


@dataclass(frozen=True, slots=True)
class Group:
    title: str | Promise
    links: Sequence[Link]
    has_bars: bool


@dataclass(frozen=True, slots=True)
class Page:
    """`about` stands before numbers that are extrapolated."""

    posts: int
    about: str
    groups: Sequence[Group]


def of(user: User, text: str) -> Page | None:
    """The facets of a text; None where nothing was counted."""
    counted = facets_of(user, text, [*Facet])
    if not counted.posts:
        return None
    groups = [
        Group(_TITLES[facet], _links(text, values), facet == Facet.MONTH)
        for facet, values in counted.values.items()
        if len(values) > 1
    ]
    return Page(counted.posts, "" if counted.exact else "≈ ", groups)


def _links(text: str, values: Sequence[Value]) -> list[Link]:
    most = max(value.posts for value in values)
    return [
        Link(
            value.name,
            value.posts,
            "?" + urlencode({"q": f"{text.strip()} {value.condition}"}),
            max(1, round(100 * value.posts / most)),
        )
        for value in values
    ]
