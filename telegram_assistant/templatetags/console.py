"""Template tags of the console."""

from typing import Any

from django import template

from telegram_assistant.console import dashboard

register = template.Library()


@register.simple_tag(takes_context=True)
def console_figures(context: dict[str, Any]) -> list[dashboard.Figure]:
    return dashboard.figures(context["request"].user)
