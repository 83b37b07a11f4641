"""The console's view of the outbox: what happened, who heard of it, and replaying what died."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.options import ModelAdmin
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from events import maintenance, subscriptions
from events.console import (
    EMPTY,
    ReadOnlyAdmin,
    ReadOnlyInline,
    excerpt,
    internal_link,
    list_of,
    page_of,
    pretty_json,
    short_time,
    text_block,
)
from events.models import DeadLetter, Delivery, DeliveryState, OutboxEvent
from events.schemas import ALL

ERROR_CODES_SHOWN = 50
AnyDelivery = TypeVar("AnyDelivery", bound=Delivery)


class NameFilter(admin.SimpleListFilter):
    """A filter by a column whose values are known without reading the table."""

    def names(self) -> Iterable[str]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted({*self.names(), *filter(None, [self.value()])})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{self.parameter_name or "": value}) if value else queryset


class TopicFilter(NameFilter):
    title = _("topic")
    parameter_name = "topic"

    def names(self) -> Iterable[str]:
        return (schema.topic for schema in ALL)


class SubscriberFilter(NameFilter):
    title = _("subscriber")
    parameter_name = "subscriber"

    def names(self) -> Iterable[str]:
        return (subscription.name for subscription in subscriptions.registered())


class QueueFilter(NameFilter):
    title = _("queue")
    parameter_name = "queue"

    def names(self) -> Iterable[str]:
        return subscriptions.queues()


class ErrorCodeFilter(NameFilter):
    """The codes of dead letters: they alone have an index that keeps this cheap."""

    title = _("error code")
    parameter_name = "error_code"

    def names(self) -> Iterable[str]:
        dead = Delivery.objects.filter(state=DeliveryState.DEAD).exclude(error_code="")
        return dead.order_by().values_list("error_code", flat=True).distinct()[:ERROR_CODES_SHOWN]


class StateMark:
    """The state of a delivery as a colored word."""

    @admin.display(description=_("state"), ordering="state")
    def state_mark(self, delivery: Delivery) -> SafeString:
        return _mark(delivery.state, delivery.get_state_display())


class DeliveryInline(StateMark, ReadOnlyInline[Delivery, OutboxEvent]):
    model = Delivery
    fields = readonly_fields = (
        "subscriber", "state_mark", "attempts", "due_at", "error_code", "outcome", "finished_at",
    )  # fmt: skip
    ordering = ("id",)
    show_change_link = True


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin[OutboxEvent]):
    list_display = ("id", "topic", "occurred_at", "delivered", "trace", "tenant_id")
    list_filter = (TopicFilter, "created_at")
    search_fields = ("=trace_id",)
    search_help_text = _("A trace id, whole")
    ordering = ("-id",)
    fields = (
        "topic", "version", "occurred_at", "created_at", "tenant_id", "trace", "idempotency_key",
        "content",
    )  # fmt: skip
    inlines = (DeliveryInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxEvent]:
        states = Delivery.objects.only("event_id", "state")
        return super().get_queryset(request).prefetch_related(Prefetch("deliveries", states))

    @admin.display(description=_("deliveries"))
    def delivered(self, event: OutboxEvent) -> SafeString | str:
        counts = Counter(delivery.state for delivery in event.deliveries.all())
        marks = [
            _mark(state.value, f"{state.label}: {counts[state]}")
            for state in DeliveryState
            if counts[state]
        ]
        return SafeString(" ".join(marks)) if marks else EMPTY

    @admin.display(description=_("trace id"), ordering="trace_id")
    def trace(self, event: OutboxEvent) -> SafeString:
        return _trace_link(event.trace_id)

    @admin.display(description=_("payload"))
    def content(self, event: OutboxEvent) -> SafeString | str:
        return pretty_json(event.payload)


class DeliveriesAdmin(StateMark, ReadOnlyAdmin[AnyDelivery]):
    """What deliveries and dead letters have in common."""

    list_select_related = ("event",)
    search_fields = ("=event__trace_id",)
    search_help_text = _("A trace id, whole")
    ordering = ("-id",)
    actions = ("replay",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("subscriber", "state_mark", "queue", "attempts", "due_at", "outcome")}),
        (_("Error"), {"fields": ("error_code", "details", "stack_trace", "failed")}),
        (_("Event"), {"fields": ("event_link", "trace", "payload")}),
    )

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Replaying is the one thing done to deliveries by hand."""
        return bool(request.user.has_perm("events.change_delivery"))

    @admin.action(description=_("Deliver again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[AnyDelivery]) -> None:
        chosen = Delivery.objects.filter(pk__in=queryset.order_by().values("pk"))
        count = maintenance.replay(chosen, now=timezone.now())
        text = ngettext(
            "%(count)d delivery is due again.", "%(count)d deliveries are due again.", count
        )
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, text % {"count": count}, level)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AnyDelivery]:
        return super().get_queryset(request).select_related("event")

    @admin.display(description=_("event"), ordering="event_id")
    def event_link(self, delivery: AnyDelivery) -> SafeString:
        return internal_link(page_of(OutboxEvent, delivery.event_id), str(delivery.event))

    @admin.display(description=_("trace id"))
    def trace(self, delivery: AnyDelivery) -> SafeString:
        return _trace_link(delivery.event.trace_id)

    @admin.display(description=_("payload"))
    def payload(self, delivery: AnyDelivery) -> SafeString | str:
        return pretty_json(delivery.event.payload)

    @admin.display(description=_("error details"))
    def details(self, delivery: AnyDelivery) -> SafeString | str:
        return text_block(delivery.error_details)

    @admin.display(description=_("error details"))
    def details_excerpt(self, delivery: AnyDelivery) -> str:
        return excerpt(delivery.error_details)

    @admin.display(description=_("stack trace"))
    def stack_trace(self, delivery: AnyDelivery) -> SafeString | str:
        if not delivery.error_trace:
            return EMPTY
        return format_html('<pre class="console-pre">{}</pre>', delivery.error_trace)

    @admin.display(description=_("due at"), ordering="due_at")
    def due(self, delivery: AnyDelivery) -> str:
        return short_time(delivery.due_at)

    @admin.display(description=_("finished at"), ordering="finished_at")
    def finished(self, delivery: AnyDelivery) -> str:
        return short_time(delivery.finished_at)

    @admin.display(description=_("last failed at"), ordering="last_failed_at")
    def failed_at(self, delivery: AnyDelivery) -> str:
        return short_time(delivery.last_failed_at)

    @admin.display(description=_("failed first and last"))
    def failed(self, delivery: AnyDelivery) -> str:
        times = filter(None, (delivery.first_failed_at, delivery.last_failed_at))
        return " … ".join(map(short_time, times)) or EMPTY


@admin.register(Delivery)
class DeliveryAdmin(DeliveriesAdmin[Delivery]):
    list_display = (
        "id", "subscriber", "state_mark", "event_link", "attempts", "error_code", "outcome",
        "due", "finished",
    )  # fmt: skip
    list_filter = ("state", SubscriberFilter, QueueFilter, ErrorCodeFilter)


@admin.register(DeadLetter)
class DeadLetterAdmin(DeliveriesAdmin[DeadLetter]):
    """They have an index of their own and should be few: counted exactly."""

    paginator = Paginator
    list_display = (
        "id", "subscriber", "error_code", "details_excerpt", "event_link", "attempts",
        "failed_at",
    )  # fmt: skip
    list_filter = (SubscriberFilter, QueueFilter, ErrorCodeFilter)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        return super().get_queryset(request).filter(state=DeliveryState.DEAD)


def _mark(state: str, text: str) -> SafeString:
    return format_html('<span class="console-mark console-{}">{}</span>', state, text)


def _trace_link(trace_id: str) -> SafeString:
    return internal_link(list_of(OutboxEvent, urlencode({"q": trace_id})), trace_id)
