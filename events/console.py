"""Building blocks of every room's admin pages; they know no room."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator, capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext

from events.sentences import retold

Row = TypeVar("Row", bound=models.Model)
Parent = TypeVar("Parent", bound=models.Model)

EMPTY = "—"
EXCERPT_CHARS = 120
CEILING = 10_000
"""Rows that a list counts before it says “more than”; counting them takes a few milliseconds."""


def said(refusal: Exception) -> str:
    """A refusal in the reader's language; its text is marked by `gettext_noop` where it is made."""
    return translated(str(refusal))


def translated(text: str) -> str:
    """A text that is kept in English, in the reader's language, see `events.sentences`."""
    return retold(text, gettext)


class CappedPaginator(Paginator[Row]):
    """Paginator that stops counting at CEILING: a list costs the same for any size of table."""

    @cached_property
    def _counted(self) -> int:
        rows = cast("QuerySet[Row]", self.object_list)
        return rows.order_by().values("pk")[: CEILING + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._counted, CEILING)

    @property
    def is_capped(self) -> bool:
        return self._counted > CEILING


class NothingEditable:
    """Permissions for what the pipeline owns: it can be viewed, and nobody can edit it."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class BigTableAdmin(admin.ModelAdmin[Row]):
    """A list that takes a constant number of queries and never counts a whole table."""

    paginator: ClassVar[type[Paginator[Any]]] = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each facet is a COUNT(*)
    when_empty: ClassVar[Any] = ""
    """What a list without any row says, why or what to do; by default that there is nothing yet."""

    def heading(self, row: Row) -> str:
        """Return the heading of a row's page; may use what the page's query has loaded."""
        return str(row)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Use the plain name as title: Django's sentences cannot be declined in Russian."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row: Row | None = context.get("original")
        context["title"] = capfirst(self.opts.verbose_name)
        context["subtitle"] = self.heading(row) if row else None
        return super().render_change_form(request, context, *args, **kwargs)


def in_words(explain: Callable[[str], str]) -> type[admin.AllValuesFieldListFilter]:
    """Make a filter by a column of codes that shows what `explain` says of each code."""

    class InWords(admin.AllValuesFieldListFilter):
        def choices(self, changelist: Any) -> Iterator[Any]:
            for number, choice in enumerate(super().choices(changelist)):
                # The first one, "all", and the last, for no value, are Django's own.
                code = choice["display"]
                words = code if number == 0 else explain(str(code)) or EMPTY
                yield choice | {"display": words}

    return InWords


class ReadOnlyAdmin(NothingEditable, BigTableAdmin[Row]):
    """A list and pages that are only viewed."""


class ReadOnlyInline(NothingEditable, admin.TabularInline[Row, Parent]):
    extra = 0
    can_delete = False


class ReadOnlyStack(NothingEditable, admin.StackedInline[Row, Parent]):
    extra = 0
    can_delete = False


def pretty_json(value: Any) -> SafeString | str:
    """Render a JSON value with indentation."""
    if not value:
        return EMPTY
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return format_html('<pre class="console-pre">{}</pre>', text)


def text_block(text: str | None) -> SafeString | str:
    """Render a text with its line breaks."""
    return format_html('<div class="console-text">{}</div>', text) if text else EMPTY


def excerpt(text: str | None, chars: int = EXCERPT_CHARS) -> str:
    return Truncator(" ".join((text or "").split())).chars(chars) or EMPTY


def short_time(at: datetime | None) -> str:
    """Format a time for a narrow column of a list."""
    return date_format(localtime(at), "SHORT_DATETIME_FORMAT") if at else EMPTY


def external_link(url: str, text: str = "") -> SafeString | str:
    """Render a link if the address is http(s); any other scheme (javascript:) stays text."""
    if not url.lower().startswith(("https://", "http://")):
        return text or url or EMPTY
    return format_html(
        '<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', url, text or url
    )


def page_of(model: type[models.Model], pk: Any) -> str:
    """Return the address of a row's page in the console."""
    meta = model._meta  # noqa: SLF001 - Django's public name for it
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[pk])


def list_of(model: type[models.Model], query: str = "") -> str:
    """Return the address of a model's list, filtered by `query` (a query string)."""
    meta = model._meta  # noqa: SLF001 - see above
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return f"{address}?{query}" if query else address


def internal_link(address: str, text: Any) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, text)


def rendered(template: str, **context: Any) -> SafeString:
    """Render a template of `templates/console/`."""
    return render_to_string(f"console/{template}", context)
