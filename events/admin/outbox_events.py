"""The list of events and the page of an event with its deliveries."""

from collections import Counter

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from events.admin.filters import TopicFilter
from events.admin.marks import StateMark, mark, trace_link
from events.console import EMPTY, ReadOnlyAdmin, ReadOnlyInline, pretty_json
from events.models import Delivery, DeliveryState, OutboxEvent


class DeliveryInline(StateMark, ReadOnlyInline[Delivery, OutboxEvent]):
    model = Delivery
    fields = readonly_fields = (
        "subscriber",
        "state_mark",
        "attempts",
        "due_at",
        "error_code",
        "outcome_told",
        "finished_at",
    )
    ordering = ("id",)
    show_change_link = True


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin[OutboxEvent]):
    list_display = ("id", "topic", "occurred_at", "delivered", "trace", "tenant_id")
    list_filter = (TopicFilter, "created_at")
    search_fields = ("=trace_id",)
    search_help_text = _("A complete trace id")
    ordering = ("-id",)
    fields = (
        "topic",
        "version",
        "occurred_at",
        "created_at",
        "tenant_id",
        "trace",
        "idempotency_key",
        "content",
    )
    inlines = (DeliveryInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxEvent]:
        states = Delivery.objects.only("event_id", "state")
        return super().get_queryset(request).prefetch_related(Prefetch("deliveries", states))

    @admin.display(description=_("tasks"))
    def delivered(self, event: OutboxEvent) -> SafeString | str:
        counts = Counter(delivery.state for delivery in event.deliveries.all())
        marks = [
            mark(state.value, f"{state.label}: {counts[state]}")
            for state in DeliveryState
            if counts[state]
        ]
        return format_html_join(" ", "{}", ((one,) for one in marks)) or EMPTY

    @admin.display(description=_("trace id"), ordering="trace_id")
    def trace(self, event: OutboxEvent) -> SafeString:
        return trace_link(event.trace_id)

    @admin.display(description=_("payload"))
    def content(self, event: OutboxEvent) -> SafeString | str:
        return pretty_json(event.payload)
