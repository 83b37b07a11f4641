"""Sign an account in to Telegram, step by step; what a step needs is kept for the next one."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts import audit
from accounts.models import Tenant
from media.models import AccountState, TelegramAccount
from media.services.telegram.accounts import encryption
from media.services.telegram.accounts.access import NotConfigured
from media.sources.telegram.failures import SignInRefused

if TYPE_CHECKING:
    from media.sources.telegram.endpoint import Endpoint
    from media.sources.telegram.sign_in import QrCode, Step

_STATES: Final = {
    "code": AccountState.CODE,
    "qr": AccountState.QR,
    "password": AccountState.PASSWORD,
    "": AccountState.READY,
}


def begin(tenant: Tenant, name: str, phone: str) -> TelegramAccount:
    """Have Telegram send a code to the phone. Raises SignInRefused, TelegramRefused and others."""
    endpoint = _endpoint()
    _require_signed_out(tenant, name)
    step = _telegram().send_code(endpoint, phone)
    account, _ = TelegramAccount.objects.get_or_create(tenant=tenant, name=name)
    return _keep(account, step, phone=phone)


def give_code(account: TelegramAccount, code: str) -> TelegramAccount:
    """Give the code that Telegram sent."""
    step, phone = _pending(account, AccountState.CODE)
    return _keep(account, _telegram().give_code(_endpoint(), step, phone, code.strip()))


def give_password(account: TelegramAccount, password: str) -> TelegramAccount:
    """Give the password of the two-step verification."""
    step, _ = _pending(account, AccountState.PASSWORD)
    return _keep(account, _telegram().give_password(_endpoint(), step, password))


def begin_qr(tenant: Tenant, name: str) -> TelegramAccount:
    """Ask for a QR code (`qr_of`) that a phone which is signed in scans; then call `ask_qr`."""
    endpoint = _endpoint()
    _require_signed_out(tenant, name)
    step = _telegram().ask_qr(endpoint)
    account, _ = TelegramAccount.objects.get_or_create(tenant=tenant, name=name)
    return _keep(account, step)


def ask_qr(account: TelegramAccount) -> TelegramAccount:
    """Ask whether the code was scanned; where it was not, there is one that is good now."""
    step, _ = _pending(account, AccountState.QR)
    answer = _telegram().ask_qr(_endpoint(), step.session)
    with transaction.atomic():
        # Two pages that show the code ask at once: what the other one got may be the session.
        now = (
            TelegramAccount.objects.select_for_update().select_related("tenant").get(pk=account.pk)
        )
        is_other = now.state != account.state or bytes(now.pending) != bytes(account.pending)
        return now if is_other and answer.needs == "qr" else _keep(account, answer)


def renew_qr(account: TelegramAccount, *, now: datetime) -> TelegramAccount:
    """Ask where the code has expired: it may have been scanned, else there is another one."""
    found = qr_of(account)
    return ask_qr(account) if found and found[1] <= now else account


def qr_of(account: TelegramAccount) -> tuple[str, datetime] | None:
    """Return what is to be shown as a QR code and until when; None where nothing waits for a scan."""
    if account.state != AccountState.QR:
        return None
    step, _ = _pending(account, AccountState.QR)
    return step.url, datetime.fromisoformat(step.expires_at)


def by_qr(
    tenant: Tenant, name: str, show: "Callable[[QrCode], None]", *, seconds: float
) -> TelegramAccount:
    """Show QR codes until a phone that is signed in has scanned one."""
    endpoint = _endpoint()
    _require_signed_out(tenant, name)
    step = _telegram().by_qr(endpoint, show, seconds=seconds)
    account, _ = TelegramAccount.objects.get_or_create(tenant=tenant, name=name)
    return _keep(account, step)


def sign_out(account: TelegramAccount) -> None:
    """Forget the session here; in Telegram it is ended under Settings, Devices."""
    with transaction.atomic():
        account.session = account.pending = b""
        account.state = AccountState.NEW
        account.save(update_fields=["session", "pending", "state"])
        audit.record("telegram.signed_out", target=account, tenant=account.tenant)


def _require_signed_out(tenant: Tenant, name: str) -> None:
    """
    Refuse to begin a sign-in anew where channels are read through a session that can be used.

    A number that was mistyped, or a code that never comes, would end that.
    """
    known = TelegramAccount.objects.filter(tenant=tenant, name=name, state=AccountState.READY)
    account = known.first()
    if account is None:
        return
    try:
        encryption.unseal(account.session)
    except encryption.SessionUnreadable:
        return
    raise SignInRefused(
        gettext_noop(
            "this account is signed in: sign it out first (--sign-out; in the console, forget the"
            " session), or choose another name"
        )
    )


def _keep(account: TelegramAccount, step: "Step", *, phone: str = "") -> TelegramAccount:
    """Keep what the step gave: the session of a whole sign-in, else what the next step needs."""
    account.state = _STATES[step.needs]
    account.session = b"" if step.needs else encryption.seal(step.session)
    secret = json.dumps({"step": asdict(step), "phone": phone})
    account.pending = encryption.seal(secret) if step.needs else b""
    with transaction.atomic():
        if account.state == AccountState.READY:
            account.signed_in_at = timezone.now()
            account.rests_until, account.rest_reason, account.method_rests = None, "", {}
            audit.record("telegram.signed_in", target=account, tenant=account.tenant)
        account.save()
    return account


def _pending(account: TelegramAccount, state: AccountState) -> "tuple[Step, str]":
    if account.state != state:
        raise SignInRefused(
            gettext_noop("the sign-in of this account does not wait for that: begin again")
        )
    pending = json.loads(encryption.unseal(account.pending))
    return _telegram().Step(**pending["step"]), pending["phone"]


def _endpoint() -> "Endpoint":
    """How Telegram is reached; refuses before anything is sent that could not be stored later."""
    if not settings.TELEGRAM.configured:
        raise NotConfigured
    encryption.seal("")
    endpoint: Endpoint = settings.TELEGRAM.endpoint()
    return endpoint


def _telegram() -> Any:
    # Here, because Telethon takes a second to load, which most processes need not spend.
    from media.sources.telegram import sign_in  # noqa: PLC0415

    return sign_in
