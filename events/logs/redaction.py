"""
Take out of a text whatever is a secret of the installation, or has the shape of one.

It is the last step of the log and of descriptions of errors, and the second defence. The first
one is that nobody writes a secret: errors are described (`events.logs.describe`), a line's fields are
listed, and SDKs are quiet (`telegram_assistant.logs`).
"""

import base64
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

HIDDEN: Final = "[hidden]"
SHORTEST: Final = 6
"""A shorter secret is a word that lines may hold by chance; only its place gives it away."""

_SPOKEN: Final = (
    r"pass(?:word|wd)|pwd|authorization|cookie|api_?key|api_hash|client_secret|secret_key"
    r"|secret_access_key|session_string|phone(?:_?number)?"
)
"""Names after which a sentence may give the secret too: `password: …`."""
_WRITTEN: Final = (
    rf"{_SPOKEN}|pass|secret\w*|credentials?|(?:access_|refresh_|id_|csrf|csrfmiddleware)?token"
    r"|session(?:id)?|signature|x-amz-(?:signature|credential|security-token)|awsaccesskeyid"
)
"""Names that are words as well: they count only as a part of code, of JSON and of a URL."""
PATTERNS: Final = (
    r"(?<=://)[^\s/@'\"]*:[^\s/'\"]*(?=@)",  # user:password of a URL
    r"(?i:\b(?:bearer|basic|token)\s+)(?P<value>[A-Za-z0-9._~+/=-]{8,})",
    rf"(?i:(?<![A-Za-z])(?:{_SPOKEN})['\"]?\s*[=:]\s*)['\"]?(?i:(?:bearer|basic|token)\s+)?(?P<value>(?!\[hidden)[^\s'\"&,;)}}\]]+)",
    rf"(?i:(?<![A-Za-z])(?:{_WRITTEN})(?:['\"]\s*[=:]\s*|[=:]))['\"]?(?P<value>(?!\[hidden)[^\s'\"&,;)}}\]]+)",
    r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?",  # JSON Web Token
    r"\b\d{8,10}:[A-Za-z0-9_-]{35}\b",  # key of a Telegram bot
    r"(?i)(?<![a-z0-9])ta_[0-9a-f]{12}(?P<value>[0-9a-f]+)",  # token of the API; its beginning is shown
    r"/reset/key/[0-9A-Za-z]+-(?P<value>(?!set-password\b)[^/\s'\"]+)",  # link that sets a password
    r"[A-Za-z0-9_=-]{180,}|(?:[A-Za-z0-9+/]{4}){60,}={0,2}",  # session of Telethon, picture, key
    r"\+\d[\d\s().-]{8,18}\d",  # phone number
    r"(?<![\w.-])[78]9\d{9}(?![\w-]|\.\d)(?!\s*(?:B|bytes)\b)",
    r"(?<![\w.-])[78][\s(-]{1,2}\d{3}[\s)-]{1,2}\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\d)",
)


_SHAPES: Final = tuple(map(re.compile, PATTERNS))  # one by one they are quicker than as one
_NOTHING: Final = re.compile(r"(?!)")
_known = _NOTHING


def know(secrets: Iterable[str]) -> None:
    """Hide these from now on, besides whatever has the shape of a secret."""
    global _known  # noqa: PLW0603 - an installation has one set of secrets
    forms = {form for secret in secrets for form in _forms(secret)}
    # Longer ones first: where one secret begins with another, nothing of it stays.
    exact = [re.escape(form) for form in sorted(forms, key=len, reverse=True)]
    _known = re.compile("|".join(exact)) if exact else _NOTHING


def redact(text: str) -> str:
    """The text without secrets; what remains says that there was one."""
    text = _known.sub(HIDDEN, text)
    for shape in _SHAPES:
        text = shape.sub(_hide, text)
    return text


def _hide(found: re.Match[str]) -> str:
    """Keep the name before a secret, which tells what was hidden."""
    value = found.groupdict().get("value")
    return found[0].removesuffix(value) + HIDDEN if value else HIDDEN


def _forms(secret: str) -> Iterable[str]:
    """The secret as it is, as a part of a URL, and in base64 as HTTP's basic authorization."""
    if len(secret) >= SHORTEST:
        yield from (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
        yield repr(secret)[1:-1]
