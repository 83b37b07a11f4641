"""Telegram through a stored account: connected, unless it rests; what ends a connection is noted."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from events.errors import DomainError
from media import metrics
from media.models import AccountState, TelegramAccount
from media.services.telegram.accounts import encryption, rests
from media.sources.telegram.failures import FloodWait, MethodWait, SignedOut
from media.sources.telegram.port import TelegramAccess


class NotConfigured(DomainError):
    """There is no application of Telegram to connect as."""

    code: ClassVar[str] = "telegram_not_configured"
    http_status: ClassVar[int] = 503
    permanent: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__(
            gettext_noop(
                "Telegram is not configured: create an application at https://my.telegram.org/apps"
                " and set TELEGRAM_API_ID and TELEGRAM_API_HASH. Importing an export needs neither"
            )
        )


class NotSignedIn(DomainError):
    """The account is not signed in."""

    code: ClassVar[str] = "telegram_not_signed_in"

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("This account is not signed in: use `manage.py telegram_login`")
        )


class NoAccount(DomainError):
    """There is no account of this name, or none at all."""

    code: ClassVar[str] = "telegram_account_unknown"
    http_status: ClassVar[int] = 404


def ready_accounts(tenant: Any = None) -> list[TelegramAccount]:
    """The accounts that are signed in, those of all tenants without `tenant`."""
    found = TelegramAccount.objects.filter(state=AccountState.READY).select_related("tenant")
    return list((found.filter(tenant=tenant) if tenant else found).order_by("pk"))


def find_account(tenant: Any, name: str = "") -> TelegramAccount:
    """Find a signed-in account by name, or the only one. Raises NoAccount."""
    found = [a for a in ready_accounts(tenant) if not name or a.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(account.name for account in found)
        raise NoAccount(f"There are several accounts of Telegram ({names}): choose with --account")
    if name and ready_accounts(tenant):
        raise NoAccount(f"No account of the name {name!r} is signed in to Telegram")
    raise NoAccount(
        gettext_noop("No account of Telegram is signed in: use `manage.py telegram_login`")
    )


def require_session(account: TelegramAccount) -> None:
    """Raise NotSignedIn where the session was forgotten or replaced since `account` was read."""
    if not _of_session(account).exists():
        raise NotSignedIn


def _of_session(account: TelegramAccount) -> QuerySet[TelegramAccount]:
    """The row of the account, while it has the session that `account` has."""
    return TelegramAccount.objects.filter(
        pk=account.pk, state=AccountState.READY, session=account.session
    )


def open_access(account: TelegramAccount) -> TelegramAccess:
    """Connect. Raises NotConfigured, SessionKeyMissing, SessionUnreadable and TelegramRefused."""
    if not settings.TELEGRAM.configured:
        raise NotConfigured
    # Here, because Telethon takes a second to load, which most processes need not spend.
    from media.sources.telegram.adapter import TelethonAccess  # noqa: PLC0415

    session = encryption.unseal(account.session)
    return TelethonAccess(settings.TELEGRAM.endpoint(), session, waited=metrics.FLOOD_WAIT.inc)


opener: Callable[[TelegramAccount], TelegramAccess] = open_access
"""Replaced in tests by one that opens a fake."""


@contextmanager
def connected(account: TelegramAccount) -> Iterator[TelegramAccess]:
    """
    Connect for the time of the block. Raises Resting while the account rests.

    A long flood wait puts the account to rest, or the kind of request that it is about; a session
    that is not accepted signs the account out.
    """
    if account.state != AccountState.READY:
        raise NotSignedIn
    rests.require_awake(account)
    with ends_noted(account), closing(opener(account)) as access:
        yield access


@contextmanager
def ends_noted(account: TelegramAccount) -> Iterator[None]:
    """Note at the account what Telegram says of all of it."""
    try:
        yield
    except (FloodWait, MethodWait) as wait:
        rests.note(account, wait, now=timezone.now())
        raise
    except SignedOut:
        # Not the row of somebody who has signed in anew meanwhile.
        if _of_session(account).update(state=AccountState.SIGNED_OUT):
            account.state = AccountState.SIGNED_OUT
        raise
