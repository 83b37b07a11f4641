"""
What a tenant's `settings` may hold: sections by name, each with a function that checks it.

A room with settings of its own per tenant registers their section in `AppConfig.ready()`.
"""

from collections.abc import Callable
from typing import Any

Checker = Callable[[Any], list[str]]


def register(name: str, check: Checker) -> None:
    """`check` gets the section's value and returns what is wrong with it, a sentence each."""
    _checkers[name] = check


def complaints(value: Any) -> list[str]:
    """What is wrong with a tenant's settings, a sentence each; empty if nothing is."""
    if not isinstance(value, dict):
        return ["An object of sections is wanted, such as {}"]
    return [
        complaint for name, section in value.items() for complaint in _complaints(name, section)
    ]


def _complaints(name: str, section: Any) -> list[str]:
    if name not in _checkers:
        return [f"{name}: there is no such section"]
    return [f"{name}: {complaint}" for complaint in _checkers[name](section)]


_checkers: dict[str, Checker] = {}
