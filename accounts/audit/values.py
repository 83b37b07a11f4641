"""Make values fit for an entry: small, without secrets, and such that PostgreSQL takes them."""

from collections.abc import Mapping
from typing import Any

from django.utils.encoding import force_str

from accounts.models.audit_entry import WORDS_MAX_LENGTH
from events.logs import redaction

TEXT_CHARS = 500
ITEMS = 50
DEPTH = 4


def words(text: str) -> str:
    """A name, cut to the length of its column."""
    return _printable(text[: WORDS_MAX_LENGTH * 2])[:WORDS_MAX_LENGTH]


def hidden(value: str) -> str:
    """What stands for a secret: whether there was one, and nothing of it."""
    return redaction.HIDDEN if value and value != "None" else ""


def harmless(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A small copy of `value`; what was cut off is told in its place."""
    return None if value is None else _mapping(value, DEPTH)


def _any(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return _mapping(value, depth - 1) if depth else "…"
    if isinstance(value, list | tuple | set | frozenset):
        return _list(list(value), depth - 1) if depth else "…"
    return _text(value if isinstance(value, str) else force_str(value, errors="replace"))


def _mapping(value: Mapping[str, Any], depth: int) -> dict[str, Any]:
    kept = list(value.items())[:ITEMS]
    small = {_text(str(key)): _any(item, depth) for key, item in kept}
    return small | ({"…": f"+{len(value) - ITEMS}"} if len(value) > ITEMS else {})


def _list(value: list[Any], depth: int) -> list[Any]:
    small = [_any(item, depth) for item in value[:ITEMS]]
    return small + ([f"… +{len(value) - ITEMS}"] if len(value) > ITEMS else [])


def _text(text: str) -> str:
    if len(text) <= TEXT_CHARS:
        return redaction.redact(_printable(text))
    # Cut where no secret is left in halves that nobody recognizes: hidden first, cut afterwards.
    head = redaction.redact(_printable(text[: TEXT_CHARS * 4]))[:TEXT_CHARS]
    return f"{head}… ({len(text)} characters)"


def _printable(text: str) -> str:
    """PostgreSQL takes neither NUL nor halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
