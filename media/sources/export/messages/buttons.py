"""The buttons below a message: labels that a reader sees, and where they lead."""

from collections.abc import Iterator
from typing import Any

from media.sources.export.messages.entities import Entities, full_link, has_scheme
from media.sources.export.messages.schema import decoded

_LEADING = frozenset({"url", "auth", "web_view", "simple_web_view"})
"""Types whose data is an address; that of the others is meant for a bot."""
_OPAQUE = frozenset({"callback", "callback_with_password"})
_DATA = {"copy_text": "copy_text", "switch_inline": "query", "switch_inline_same": "query"}
"""What the data of a type are: a text that is copied, or the words that are sent to a bot."""
_STRINGS = ("type", "text", "data")


def read_buttons(
    rows: Any, entities: Entities, unknown: dict[str, Any], place: str
) -> list[dict[str, str]]:
    """Return what is known of each button; add the links, and what has another shape by place."""
    found = [_button(button) for button in _flattened(decoded(rows), unknown, place)]
    for button in found:
        entities.add_link(button.get("url"))
    return [button for button in found if button]


def labelled(label: str, url: Any, **more: Any) -> dict[str, str]:
    """A button as it is kept, without what is empty; what is no address is kept as its data."""
    link = full_link(url)
    named = {"text": label.strip(), "url": link, **more}
    if not link and "data" not in named:
        named["data"] = url
    return {key: value for key, value in named.items() if value and isinstance(value, str)}


def _button(button: dict[str, Any]) -> dict[str, str]:
    label, kind = button.get("text"), button.get("type")
    label = label if isinstance(label, str) else ""
    data = button.get("url", button.get("data"))
    if kind in _LEADING or _is_address(data, kind):
        return labelled(label, data)
    if kind in _OPAQUE:
        return labelled(label, None)
    return labelled(label, None, **{_DATA.get(str(kind), "data"): data})


def _is_address(data: Any, kind: Any) -> bool:
    is_link = isinstance(data, str) and has_scheme(data.strip())
    return is_link and kind not in _OPAQUE and kind not in _DATA


def _flattened(value: Any, unknown: dict[str, Any], place: str) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield _of_strings(value, unknown, place)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flattened(inner, unknown, f"{place}[{index}]")
    elif value is not None:
        unknown[place] = value


def _of_strings(button: dict[str, Any], unknown: dict[str, Any], place: str) -> dict[str, Any]:
    """The button without a label or data of another type."""
    kept = dict(button)
    for key in _STRINGS:
        if not isinstance(button.get(key, ""), str):
            if button[key] is not None:
                unknown[f"{place}.{key}"] = button[key]
            del kept[key]
    return kept
