"""The console's page of the audit: read-only, for superusers too."""

from typing import Any

# It registers a page that does not fit our table; imported first, so that it can be replaced.
import auditlog.admin  # noqa: F401
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts.admin.audit_filters import ActorFilter, EventFilter, KindFilter
from accounts.audit import comparison
from accounts.audit.events import EVENTS
from accounts.models import AuditEntry
from events.console import EMPTY, ReadOnlyAdmin, internal_link, page_of, rendered, short_time

admin.site.unregister(AuditEntry)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    list_display = ("when", "who", "address", "what", "kind", "object_shown", "tenant_shown")
    list_display_links = ("when",)
    list_filter = (
        EventFilter,
        "actor_kind",
        ActorFilter,
        "tenant",
        KindFilter,
    )
    date_hierarchy = "at"
    search_fields = (
        "=object_key",
        "=trace_id",
        "=address",
        "object_name__icontains",
        "actor_name__icontains",
    )
    search_help_text = _("An object id, a trace id or an address, complete; or a part of a name")
    ordering = ("-at", "-id")
    fields = (
        "at",
        "what",
        "who",
        "actor_kind",
        "address",
        "tenant_shown",
        "kind",
        "object_link",
        "object_key",
        "trace_id",
        "values",
    )

    def heading(self, entry: AuditEntry) -> str:
        return f"{self.what(entry)}, {short_time(entry.at)}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Leave the values out of the list, which does not show them."""
        entries = super().get_queryset(request)
        listing = request.resolver_match and request.resolver_match.url_name
        if str(listing).endswith("changelist"):
            return entries.defer("before", "after")
        return entries

    @admin.display(description=_("time"), ordering="at")
    def when(self, entry: AuditEntry) -> str:
        return short_time(entry.at)

    @admin.display(description=_("event"), ordering="event")
    def what(self, entry: AuditEntry) -> str:
        known = EVENTS.get(entry.event)
        return str(known.words) if known else entry.event

    @admin.display(description=_("who"), ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name or str(entry.get_actor_kind_display())

    @admin.display(description=_("tenant"), ordering="tenant_name")
    def tenant_shown(self, entry: AuditEntry) -> str:
        return entry.tenant_name or EMPTY

    @admin.display(description=_("kind of object"), ordering="object_kind")
    def kind(self, entry: AuditEntry) -> str:
        model = _model(entry)
        return capfirst(model._meta.verbose_name) if model else entry.object_kind or EMPTY  # noqa: SLF001

    @admin.display(description=_("object"), ordering="object_name")
    def object_shown(self, entry: AuditEntry) -> str:
        return entry.object_name or entry.object_key or EMPTY

    @admin.display(description=_("object"))
    def object_link(self, entry: AuditEntry) -> SafeString | str:
        """A link to the object's page, as long as there is such an object."""
        model, text = _model(entry), self.object_shown(entry)
        if model is None or not _exists(model, entry.object_key):
            return text
        try:
            return internal_link(page_of(model, entry.object_key), text)
        except NoReverseMatch:  # the console has no page of such objects
            return text

    @admin.display(description=_("before and after"))
    def values(self, entry: AuditEntry) -> SafeString | str:
        rows = comparison.rows(entry.before, entry.after)
        return rendered("audit_values.html", rows=rows) if rows else EMPTY


def _model(entry: AuditEntry) -> Any:
    """The model of the object, if this release has it."""
    try:
        return apps.get_model(entry.object_kind)
    except (LookupError, ValueError):
        return None


def _exists(model: Any, key: str) -> bool:
    try:
        pk = model._meta.pk.to_python(key)  # noqa: SLF001 - Django's public name for it
    except (ValueError, ValidationError):
        return False
    return bool(model._base_manager.filter(pk=pk).exists())  # noqa: SLF001 - see above
