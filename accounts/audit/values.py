"""Make values fit for an entry: small, without secrets, and such that PostgreSQL takes them."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.encoding import force_str

from accounts.models.audit_entry import WORDS_MAX_LENGTH
from events.logs import redaction

TEXT_CHARS = 500
ITEMS = 50
DEPTH = 4
LONGEST_NUMBER = 64
"""Bits of the longest number that is kept as one."""
CHANGED, SET = "changed", "set"
SAYABLE = ("", None, True, False, CHANGED, SET)
"""All that is said of a field that is called like a secret."""
_SECRET = re.compile(
    r"(?i)(?:^|[_ -])(?:pass(?:word|wd|phrase)?|pwd|secret(?:_key)?|token|cookie|authorization"
    r"|api_?key|api_hash|access_key|session_?(?:key|id|string)|credentials?|signature|otp"
    r"|recovery_codes?|database_url)$"
)


def words(text: str) -> str:
    """A name, cut to the length of its column."""
    return _printable(text[: WORDS_MAX_LENGTH * 2])[:WORDS_MAX_LENGTH]


def hidden(value: str) -> str:
    """What stands for a secret: whether there was one, and nothing of it."""
    return redaction.HIDDEN if value and value != "None" else ""


def harmless(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A small copy of `value`; what was cut off is told in its place."""
    return None if value is None else _mapping(value, DEPTH)


def _field(name: str, value: Any, depth: int) -> Any:
    if _SECRET.search(name) and value not in SAYABLE:
        return redaction.HIDDEN
    return _any(value, depth)


def _any(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < LONGEST_NUMBER else f"({value.bit_length()} bits)"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(value)} bytes)"
    if isinstance(value, Mapping):
        return _mapping(value, depth - 1) if depth else "…"
    if isinstance(value, list | tuple | set | frozenset):
        return _list(list(value), depth - 1) if depth else "…"
    return _text(value if isinstance(value, str) else force_str(value, errors="replace"))


def _mapping(value: Mapping[str, Any], depth: int) -> dict[str, Any]:
    kept = list(value.items())[:ITEMS]
    small = {_text(str(key)): _field(str(key), item, depth) for key, item in kept}
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
