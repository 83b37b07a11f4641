"""Template tags of the console."""

from typing import Any

from django import template

from search.saved.matches import unseen_count
from telegram_assistant.console import dashboard

register = template.Library()


@register.simple_tag(takes_context=True)
def console_figures(context: dict[str, Any]) -> list[dashboard.Figure]:
    return dashboard.figures(context["request"].user)


@register.simple_tag(takes_context=True)
def console_unseen(context: dict[str, Any]) -> int:
    """The posts that came to match the user's saved searches and are not seen yet."""
    return unseen_count(context["request"].user)
