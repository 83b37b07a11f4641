"""Filters of the audit's list. None of them reads the table: it has entries of a year."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.audit.events import EVENTS
from accounts.models import AuditEntry, User

ACTORS_OFFERED = 200
"""The search finds the entries of any other account, and of deleted ones."""
DIGITS = 18
"""Of the id of an account; a longer number is none."""


class _Choice(admin.SimpleListFilter):
    column: str

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        value = self.value()
        return queryset.filter(**{self.column: value}) if value else queryset


class EventFilter(_Choice):
    title = _("event")
    parameter_name = column = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(code, event.words) for code, event in EVENTS.items()]


class ActorFilter(_Choice):
    title = _("who")
    parameter_name = "actor"
    column = "actor_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        known = access.visible(User.objects.all(), request.user, access.Action.ADMINISTER)
        users = known.order_by("username").values_list("pk", "username")
        return [(str(pk), name) for pk, name in users[:ACTORS_OFFERED]]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        value = self.value()
        if value and not (value.isdecimal() and len(value) <= DIGITS):
            return queryset.none()
        return super().queryset(request, queryset)


class KindFilter(_Choice):
    title = _("kind of object")
    parameter_name = "kind"
    column = "object_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        metas = [model._meta for model in model_admin.admin_site._registry]  # noqa: SLF001
        kinds = [(meta.label_lower, capfirst(meta.verbose_name)) for meta in metas]
        return sorted(kinds, key=lambda kind: str(kind[1]))
