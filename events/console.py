"""Parts that the admin of every room is built from. They know no room."""

import json
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

Row = TypeVar("Row", bound=models.Model)
Parent = TypeVar("Parent", bound=models.Model)

EMPTY = "—"
EXCERPT_CHARS = 120
CEILING = 10_000
"""Rows a list counts before it says “more than”; counting them takes a few milliseconds."""


class CappedPaginator(Paginator[Row]):
    """Counts no further than CEILING, so that a list costs the same however big its table is."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Row]", self.object_list)
        return rows.order_by().values("pk")[:CEILING].count()

    @property
    def is_capped(self) -> bool:
        return self.count >= CEILING


class LookOnly:
    """Permissions of what the pipeline owns: whoever may see it may see it, nobody edits it."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class BigTableAdmin(admin.ModelAdmin[Row]):
    """A list whose cost depends neither on the rows it shows nor on those it does not."""

    paginator: ClassVar[type[Paginator[Any]]] = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each facet is a COUNT(*)
    empty_value_display = EMPTY

    def heading(self, row: Row) -> str:
        """What the page of a row calls it; may use what the page's query brought along."""
        return str(row)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Titles are plain names: Django's phrases around them cannot be declined in Russian."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row: Row | None = context.get("original")
        context["title"] = capfirst(self.opts.verbose_name)
        context["subtitle"] = self.heading(row) if row else None
        return super().render_change_form(request, context, *args, **kwargs)


class ReadOnlyAdmin(LookOnly, BigTableAdmin[Row]):
    """A list and pages to look at."""


class ReadOnlyInline(LookOnly, admin.TabularInline[Row, Parent]):
    extra = 0
    can_delete = False


class ReadOnlyStack(LookOnly, admin.StackedInline[Row, Parent]):
    extra = 0
    can_delete = False


def pretty_json(value: Any) -> SafeString | str:
    """A JSON value as a person reads it."""
    if not value:
        return EMPTY
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return format_html('<pre class="console-pre">{}</pre>', text)


def text_block(text: str | None) -> SafeString | str:
    """A text of many lines, with its line breaks."""
    return format_html('<div class="console-text">{}</div>', text) if text else EMPTY


def excerpt(text: str | None, chars: int = EXCERPT_CHARS) -> str:
    return Truncator(" ".join((text or "").split())).chars(chars) or EMPTY


def short_time(at: datetime | None) -> str:
    """As narrow as a column of a list wants it."""
    return date_format(localtime(at), "SHORT_DATETIME_FORMAT") if at else EMPTY


def external_link(url: str, text: str = "") -> SafeString | str:
    """An anchor if the address is one a browser may follow; anything else stays text."""
    if not url.lower().startswith(("https://", "http://")):
        return text or url or EMPTY
    return format_html(
        '<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', url, text or url
    )


def page_of(model: type[models.Model], pk: Any) -> str:
    """The address of a row's page in the console."""
    meta = model._meta  # noqa: SLF001 - Django's public name for it
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[pk])


def list_of(model: type[models.Model], query: str = "") -> str:
    """The address of a model's list, filtered by `query` (a query string)."""
    meta = model._meta  # noqa: SLF001 - see above
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return f"{address}?{query}" if query else address


def internal_link(address: str, text: Any) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, text)


def rendered(template: str, **context: Any) -> SafeString:
    """One of `templates/console/`."""
    return render_to_string(f"console/{template}", context)
