"""
The last step before a line is written: whatever looks like a secret, or is one, is taken out.

It is the second defence. The first one is that nobody logs a secret: errors are described
(`events.describe`), extras are listed (`fields.OWN`), SDKs are quiet (`setup.LEVELS`).
"""

import base64
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from structlog.typing import EventDict

HIDDEN: Final = "[hidden]"
SHORTEST: Final = 6
"""A shorter secret is a word that lines may hold by chance; only its place gives it away."""

_SPOKEN: Final = (
    r"pass(?:word|wd)|pwd|authorization|cookie|api_?key|api_hash|client_secret|secret_key"
    r"|secret_access_key|session_string|phone(?:_?number)?"
)
"""Names after which a sentence may give the secret too: `password: …`."""
_WRITTEN: Final = (
    rf"{_SPOKEN}|pass|secret\w*|\w+_secret|credentials?|(?:access_|refresh_|id_|csrf|csrfmiddleware)?token"
    r"|session(?:id)?|signature|x-amz-(?:signature|credential|security-token)|awsaccesskeyid"
)
"""Names that are words as well: they count only as a part of code, of JSON and of a URL."""
PATTERNS: Final = (
    r"(?<=://)[^\s/@'\"]*:[^\s/'\"]*(?=@)",  # user:password of a URL
    r"(?i:\b(?:bearer|basic|token)\s+)(?P<sent>[A-Za-z0-9._~+/=-]{8,})",
    rf"(?i:(?<![A-Za-z])(?:{_SPOKEN})['\"]?\s*[=:]\s*)['\"]?(?P<spoken>[^\s'\"&,;)}}\]]+)",
    rf"(?i:(?<![A-Za-z])(?:{_WRITTEN})(?:['\"]\s*[=:]\s*|[=:]))['\"]?(?P<written>[^\s'\"&,;)}}\]]+)",
    r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?",  # JSON Web Token
    r"\b\d{8,10}:[A-Za-z0-9_-]{35}\b",  # key of a Telegram bot
    r"[A-Za-z0-9_=-]{180,}|(?:[A-Za-z0-9+/]{4}){60,}={0,2}",  # session of Telethon, picture, key
    r"\+\d[\d\s().-]{8,18}\d",  # phone number
    r"(?<![\w.-])[78]9\d{9}(?![\w.-])(?!\s*(?:B|bytes)\b)",
    r"(?<![\w.-])[78][\s(-]{1,2}\d{3}[\s)-]{1,2}\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\d)",
)


class Redactor:
    """Hides the secrets it is given, and what has the shape of one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for secret in secrets for form in _forms(secret)}
        # Longer ones first: where one secret begins with another, nothing of it stays.
        exact = [re.escape(form) for form in sorted(known, key=len, reverse=True)]
        self._exact = re.compile("|".join(exact)) if exact else None
        self._shapes = re.compile("|".join(PATTERNS))

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:
        for name, value in event.items():
            if isinstance(value, str) and name not in _HARMLESS:
                event[name] = self.redact(value)
        return event

    def redact(self, text: str) -> str:
        if self._exact is not None:
            text = self._exact.sub(HIDDEN, text)
        return self._shapes.sub(_hide, text)


_HARMLESS: Final = frozenset({"timestamp", "level", "logger", "tenant_id", "sha256", "post_id"})


def _hide(found: re.Match[str]) -> str:
    """Keep the name before a secret, which tells what was hidden."""
    value = found["sent"] or found["spoken"] or found["written"]
    return found[0].removesuffix(value) + HIDDEN if value else HIDDEN


def _forms(secret: str) -> Iterable[str]:
    """The secret as it is, as a part of a URL, and in base64 as HTTP's basic authorization."""
    if len(secret) >= SHORTEST:
        yield from (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
        yield repr(secret)[1:-1]
