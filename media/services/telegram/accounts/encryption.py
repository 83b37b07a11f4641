"""Sessions of Telegram are stored encrypted, with a key that is not in the database."""

from typing import ClassVar

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.translation import gettext_noop

from events.errors import DomainError

REMEDY = gettext_noop(
    "set TELEGRAM_SESSION_KEY to a key that you keep outside of the database;"
    " `manage.py telegram_login --new-key` prints a new one"
)


class SessionKeyMissing(DomainError):
    """There is no key, and none is made up: it would lie beside what it protects."""

    code: ClassVar[str] = "session_key_missing"
    http_status: ClassVar[int] = 503
    permanent: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__(
            gettext_noop(
                "Sessions of Telegram cannot be stored or read without a key: set"
                " TELEGRAM_SESSION_KEY to a key that you keep outside of the database;"
                " `manage.py telegram_login --new-key` prints a new one"
            )
        )


class SessionUnreadable(DomainError):
    """What is stored was encrypted with another key."""

    code: ClassVar[str] = "session_unreadable"
    http_status: ClassVar[int] = 503
    permanent: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__(
            gettext_noop(
                "The stored session was encrypted with another key: put that key back, after a comma"
                " behind the new one in TELEGRAM_SESSION_KEY, or sign in again"
            )
        )


def seal(secret: str) -> bytes:
    """Encrypt. Raises SessionKeyMissing."""
    return _fernet().encrypt(secret.encode())


def unseal(sealed: bytes | memoryview) -> str:
    """Decrypt; an empty value stays empty. Raises SessionKeyMissing and SessionUnreadable."""
    if not sealed:
        return ""
    try:
        return _fernet().decrypt(bytes(sealed)).decode()
    except InvalidToken:
        raise SessionUnreadable from None


def new_key() -> str:
    return Fernet.generate_key().decode()


def _fernet() -> MultiFernet:
    keys = settings.TELEGRAM.session_keys
    if not keys:
        raise SessionKeyMissing
    return MultiFernet([Fernet(key) for key in keys])
