"""
What GigaChat's failures are called. Pages that show them import this: retold are known sentences only.

What GigaChat itself says stands at the end, where it may hold anything.
"""

from typing import Final

from events.sentences import Sentence, gettext_noop

UNKNOWN_CREDENTIALS: Final = Sentence(
    gettext_noop(
        "GigaChat does not know these credentials, check GIGACHAT_CREDENTIALS, or"
        " GIGACHAT_CLIENT_ID and GIGACHAT_CLIENT_SECRET; it says: %(said)s"
    )
)
NO_TOKEN: Final = Sentence(
    gettext_noop(
        "GigaChat gives no token, check GIGACHAT_SCOPE and GIGACHAT_CREDENTIALS; it says: %(said)s"
    )
)
NO_TOKEN_THERE: Final = Sentence(
    gettext_noop("no token is given there, check GIGACHAT_AUTH_URL; it says: %(said)s")
)
TOKEN_REFUSED: Final = Sentence(
    gettext_noop(
        "GigaChat does not take the token it gave, check GIGACHAT_BASE_URL and"
        " GIGACHAT_AUTH_URL; it says: %(said)s"
    )
)
USED_UP: Final = Sentence(
    gettext_noop("GigaChat's token package is used up, buy another; it says: %(said)s")
)
DENIED: Final = Sentence(
    gettext_noop("GigaChat denies access, check GIGACHAT_SCOPE; it says: %(said)s")
)
NO_MODEL: Final = Sentence(
    gettext_noop("GigaChat has no model %(model)s, check GIGACHAT_VISION_MODEL; it says: %(said)s")
)
PICTURE_GONE: Final = Sentence(
    gettext_noop("the picture is gone from GigaChat before it was seen: %(said)s")
)
NOT_THERE: Final = Sentence(
    gettext_noop("GigaChat is not there, check GIGACHAT_BASE_URL; it says: %(said)s")
)
MOVED: Final = Sentence(
    gettext_noop(
        "GigaChat is not there, check GIGACHAT_BASE_URL and GIGACHAT_AUTH_URL; it says: %(said)s"
    )
)
SLOW_DOWN: Final = Sentence(gettext_noop("GigaChat asks to slow down: %(said)s"))
UNWELL: Final = Sentence(gettext_noop("GigaChat is unwell: %(said)s"))
NOT_REACHED: Final = Sentence(gettext_noop("GigaChat is not reached: %(error)s"))
UNTRUSTED: Final = gettext_noop(
    "GigaChat's certificate is not trusted: set GIGACHAT_CA_BUNDLE_FILE to the root"
    " certificate of the Ministry of Digital Development"
)
ODD: Final = Sentence(gettext_noop("GigaChat answered something unexpected: %(what)s"))

NETWORK_ERRORS: Final = (
    gettext_noop("ConnectError"),
    gettext_noop("ConnectTimeout"),
    gettext_noop("ReadTimeout"),
    gettext_noop("ReadError"),
    gettext_noop("RemoteProtocolError"),
)
"""Names of httpx, which say little to people."""
