"""Columns that events and deliveries have in common."""

from urllib.parse import urlencode

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from events.console import EMPTY, internal_link, list_of, translated
from events.models import Delivery, OutboxEvent


class StateMark:
    """Columns with the state of a delivery as a colored word, and with its outcome."""

    @admin.display(description=_("state"), ordering="state")
    def state_mark(self, delivery: Delivery) -> SafeString:
        return mark(delivery.state, delivery.get_state_display())

    @admin.display(description=_("outcome"), ordering="outcome")
    def outcome_told(self, delivery: Delivery) -> str:
        """Handlers answer in English, see `events.sentences`."""
        return translated(delivery.outcome) or EMPTY


def mark(state: str, text: str) -> SafeString:
    return format_html('<span class="console-mark console-{}">{}</span>', state, text)


def trace_link(trace_id: str) -> SafeString:
    return internal_link(list_of(OutboxEvent, urlencode({"q": trace_id})), trace_id)
