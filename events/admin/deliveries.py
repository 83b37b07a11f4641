"""The lists of deliveries and dead letters, their pages, and replaying them."""

from typing import Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from events.admin.filters import ErrorCodeFilter, QueueFilter, SubscriberFilter
from events.admin.marks import StateMark, trace_link
from events.console import (
    EMPTY,
    ReadOnlyAdmin,
    excerpt,
    internal_link,
    page_of,
    pretty_json,
    short_time,
    text_block,
)
from events.delivery import dead_letters
from events.models import DeadLetter, Delivery, DeliveryState, OutboxEvent

AnyDelivery = TypeVar("AnyDelivery", bound=Delivery)


class DeliveriesAdmin(StateMark, ReadOnlyAdmin[AnyDelivery]):
    """Columns, fields and actions that deliveries and dead letters have in common."""

    list_select_related = ("event",)
    search_fields = ("=event__trace_id",)
    search_help_text = _("A complete trace id")
    ordering = ("-id",)
    actions = ("replay",)
    fieldsets: ClassVar[Any] = (
        (
            None,
            {"fields": ("subscriber", "state_mark", "queue", "attempts", "due_at", "outcome_told")},
        ),
        (_("Error"), {"fields": ("error_code", "details", "stack_trace", "failed")}),
        (_("Event"), {"fields": ("event_link", "trace", "payload")}),
    )

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whether the user may replay, which is all that can be done to deliveries by hand."""
        return bool(request.user.has_perm("events.change_delivery"))

    @admin.action(description=_("Run again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[AnyDelivery]) -> None:
        chosen = Delivery.objects.filter(pk__in=queryset.order_by().values("pk"))
        count = dead_letters.replay(chosen, now=timezone.now())
        text = ngettext(
            "%(count)d task is in the queue again.",
            "%(count)d tasks are in the queue again.",
            count,
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
        return trace_link(delivery.event.trace_id)

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

    @admin.display(description=_("due or finished"), ordering="due_at")
    def due_or_finished(self, delivery: AnyDelivery) -> str:
        """One column, since two of them do not fit on a usual screen."""
        return short_time(delivery.finished_at or delivery.due_at)

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
        "id",
        "subscriber",
        "state_mark",
        "event_link",
        "attempts",
        "error_code",
        "outcome_told",
        "due_or_finished",
    )
    list_filter = ("state", SubscriberFilter, QueueFilter, ErrorCodeFilter)


@admin.register(DeadLetter)
class DeadLetterAdmin(DeliveriesAdmin[DeadLetter]):
    """The list of dead letters, counted exactly: they have an index and should be few."""

    when_empty = _("No task has failed for good.")
    paginator = Paginator
    list_display = (
        "id",
        "subscriber",
        "error_code",
        "details_excerpt",
        "event_link",
        "attempts",
        "failed_at",
    )
    list_filter = (SubscriberFilter, QueueFilter, ErrorCodeFilter)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        return super().get_queryset(request).filter(state=DeliveryState.DEAD)
