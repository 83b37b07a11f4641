"""The buttons below a message: labels that a reader sees, and where they lead."""

from collections.abc import Iterator
from typing import Any

from media.sources.export.messages.entities import Entities, full_link, has_scheme

_LEADING = frozenset({"url", "auth", "web_view", "simple_web_view"})
"""Types whose data is an address; that of the others is meant for a bot."""
_OPAQUE = frozenset({"callback", "callback_with_password"})


def read_buttons(rows: Any, entities: Entities) -> list[dict[str, str]]:
    """Return the label and, if it has one, the address of each button; add the links."""
    found = [_button(button) for button in _flattened(rows)]
    for button in found:
        entities.add_link(button.get("url"))
    return [button for button in found if button]


def labelled(label: str, url: Any) -> dict[str, str]:
    """A button as it is kept; an empty one has neither label nor address."""
    named = {"text": label.strip(), "url": full_link(url)}
    return {key: value for key, value in named.items() if value}


def _button(button: dict[str, Any]) -> dict[str, str]:
    label = button.get("text")
    return labelled(label if isinstance(label, str) else "", _address(button))


def _address(button: dict[str, Any]) -> Any:
    data = button.get("url", button.get("data"))
    if button.get("type") in _LEADING:
        return data
    is_link = isinstance(data, str) and has_scheme(data.strip())
    return data if is_link and button.get("type") not in _OPAQUE else None


def _flattened(rows: Any) -> Iterator[dict[str, Any]]:
    if isinstance(rows, dict):
        yield rows
    elif isinstance(rows, list):
        for row in rows:
            yield from _flattened(row)
