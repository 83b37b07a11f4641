"""Repair what Telegram Desktop writes although it is not JSON; applied where decoding fails."""

import re
from typing import Any

_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|.)", re.DOTALL)
_UNQUOTED_PATH = re.compile(
    r"""("document_id"\s*:[ \t]*)          # the only key that version 4.1.1 left without quotes
        (?!["\d\-]|(?:null|true|false)\b)
        ([^"\n\r{}\[\]]*?)
        (?=,?\s*[\r\n}])""",
    re.VERBOSE,
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|\x00")


def repair(fragment: str) -> str:
    r"""
    Turn `\x01` into `\u0001`, and quote the bare path of a custom emoji.

    `fragment` must not start inside an escape sequence: pairs are read from the left, so a `\\x01`
    (a backslash and three letters) stays as it is.
    """
    escaped = _ESCAPE.sub(lambda pair: rf"\u00{pair[1]}" if pair[1] else pair[0], fragment)
    return _UNQUOTED_PATH.sub(r'\1"\2"', escaped)


def may_hold_unstorable(text: str, start: int, end: int) -> bool:
    """Whether the JSON at `text[start:end]` may need `clean`; cheap where nothing is escaped."""
    if text.find("\\u", start, end) < 0 and text.find("\x00", start, end) < 0:
        return False
    return _SUSPICIOUS.search(text, start, end) is not None


def clean(value: Any) -> Any:
    """Replace what PostgreSQL refuses in a JSON value: NUL and halves of surrogate pairs."""
    if isinstance(value, str):
        # Nearly every text is plain, and a question costs less than a search.
        if value.isascii() and "\x00" not in value:
            return value
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return value
