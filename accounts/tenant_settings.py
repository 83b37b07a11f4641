"""
Check a tenant's `settings`: sections by name, each with a function that checks it.

A room that has settings per tenant registers a section for them in `Room.connect()`.
"""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from events import rooms

Checker = Callable[[Any], list[str]]


def register(name: str, check: Checker) -> None:
    """Register a section; `check` takes its value and returns a sentence for each problem."""
    _checkers[name] = check


def problems(value: Any) -> list[str]:
    """Return a sentence for each problem of a tenant's settings."""
    if not isinstance(value, dict):
        return [_("The settings must be an object of sections, such as {}")]
    return [problem for name, section in value.items() for problem in _problems(name, section)]


def _problems(name: str, section: Any) -> list[str]:
    rooms.connect_all()
    if name not in _checkers:
        return [name + ": " + _("there is no such section")]
    return [f"{name}: {problem}" for problem in _checkers[name](section)]


_checkers: dict[str, Checker] = {}
