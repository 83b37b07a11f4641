"""Filters of the lists of events and deliveries."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from events import subscriptions
from events.models import DeliveryState
from events.schemas import ALL

ERROR_CODES_SHOWN = 50


class NameFilter(admin.SimpleListFilter):
    """A filter by a column whose values are known without a scan of the table."""

    def names(self, rows: QuerySet[Any]) -> Iterable[str]:
        """Return the values to choose from; `rows` are those that the user may see."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        names = self.names(model_admin.get_queryset(request))
        return [(name, name) for name in sorted({*names, *filter(None, [self.value()])})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{self.parameter_name or "": value}) if value else queryset


class TopicFilter(NameFilter):
    title = _("topic")
    parameter_name = "topic"

    def names(self, rows: QuerySet[Any]) -> Iterable[str]:
        return (schema.topic for schema in ALL)


class SubscriberFilter(NameFilter):
    title = _("subscriber")
    parameter_name = "subscriber"

    def names(self, rows: QuerySet[Any]) -> Iterable[str]:
        return (subscription.name for subscription in subscriptions.registered())


class QueueFilter(NameFilter):
    title = _("queue")
    parameter_name = "queue"

    def names(self, rows: QuerySet[Any]) -> Iterable[str]:
        return subscriptions.queues()


class ErrorCodeFilter(NameFilter):
    """A filter by the codes of dead letters, which alone have an index that keeps this cheap."""

    title = _("error code")
    parameter_name = "error_code"

    def names(self, rows: QuerySet[Any]) -> Iterable[str]:
        dead = rows.filter(state=DeliveryState.DEAD).exclude(error_code="")
        return dead.order_by().values_list("error_code", flat=True).distinct()[:ERROR_CODES_SHOWN]
