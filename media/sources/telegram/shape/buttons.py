"""The buttons below a message, by the keys of an export."""

from typing import Any, Final

from telethon.tl import types

_KINDS: Final[dict[type, tuple[str, str]]] = {
    types.InlineButtonTypeUrl: ("url", "url"),
    types.InlineButtonTypeUrlAuth: ("auth", "url"),
    types.InlineButtonTypeWebView: ("web_view", "url"),
    types.InlineButtonTypeCopy: ("copy_text", "copy_text"),
    types.InlineButtonTypeSwitchInline: ("switch_inline", "query"),
    types.InlineButtonTypeGame: ("game", ""),
    types.InlineButtonTypeBuy: ("buy", ""),
    types.InlineButtonTypeCallback: ("callback", ""),
    types.InlineButtonTypeUserProfile: ("user_profile", ""),
}
"""The type of an export, and the attribute that an export has as `data`."""


def buttons_of(markup: Any) -> list[list[dict[str, Any]]]:
    """The rows of an inline keyboard; none for any other."""
    if not isinstance(markup, types.ReplyInlineMarkup):
        return []
    return [[_button(button) for button in row.buttons] for row in markup.rows]


def _button(button: Any) -> dict[str, Any]:
    action = getattr(button, "type", None)
    kind, attribute = _KINDS.get(type(action), ("default", ""))
    if kind == "switch_inline" and getattr(action, "same_peer", False):
        kind = "switch_inline_same"
    data = getattr(action, attribute, "") if attribute else ""
    return {"type": kind, "text": button.text, **({"data": data} if data else {})}
