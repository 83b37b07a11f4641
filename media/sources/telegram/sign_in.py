"""Signing in to Telegram, step by step; each step gives the session to be kept until the next."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from telethon import errors, events, utils
from telethon.tl import functions, types

from media.sources.telegram.caller import translated
from media.sources.telegram.client import Client, make_client, saved
from media.sources.telegram.endpoint import Endpoint
from media.sources.telegram.failures import SignInRefused, TelegramRefused
from media.sources.telegram.loop import LoopThread

Result = TypeVar("Result")


def gettext_noop(text: str) -> str:
    """Mark a text, which is translated where it is shown: sources know no Django."""
    return text


_REFUSALS: Final = {
    errors.PhoneNumberInvalidError: gettext_noop("Telegram does not know this phone number"),
    errors.PhoneNumberBannedError: gettext_noop("Telegram has banned this phone number"),
    errors.PhoneNumberFloodError: gettext_noop("too many codes were asked for this phone number: try tomorrow"),
    errors.PhoneCodeInvalidError: gettext_noop("the code is wrong"),
    errors.PhoneCodeEmptyError: gettext_noop("the code is empty"),
    errors.PhoneCodeExpiredError: gettext_noop("the code has expired: ask for another one"),
    errors.PasswordHashInvalidError: gettext_noop("the password is wrong"),
    errors.ApiIdInvalidError: gettext_noop("TELEGRAM_API_ID and TELEGRAM_API_HASH do not belong together"),
}  # fmt: skip
_LATE: Final = (
    errors.AuthTokenExpiredError, errors.AuthTokenInvalidError, errors.AuthTokenAlreadyAcceptedError,
)  # fmt: skip
"""The code that was scanned is none any more: another one is asked for."""
_SHORTEST_SECONDS: Final = 3.0
MOST_QR_VALID: Final = timedelta(minutes=1)
"""Telegram's codes are good for half a minute: what is longer is a clock that is wrong."""


@dataclass(frozen=True, slots=True)
class Step:
    """
    Where the sign-in stands. `needs` is `code`, `qr`, `password` or empty: then `user_id` is signed
    in.

    `session` and `code_hash` are secrets. `url` is to be shown as a QR code until `expires_at` (ISO
    8601, by the clock of this host).
    """

    needs: str
    session: str = field(default="", repr=False)
    code_hash: str = field(default="", repr=False)
    user_id: int | None = None
    url: str = field(default="", repr=False)
    expires_at: str = ""


@dataclass(frozen=True, slots=True)
class QrCode:
    """A link to be shown as a QR code, which a signed-in phone scans before `expires_at`."""

    url: str = field(repr=False)
    expires_at: datetime


def send_code(endpoint: Endpoint, phone: str) -> Step:
    """Have Telegram send a code to the phone. Raises SignInRefused and TelegramRefused."""
    if not utils.parse_phone(phone):
        raise SignInRefused(
            gettext_noop("this is no phone number: write it with its country code, as +7…")
        )

    async def ask(client: Client) -> Step:
        sent = await client.send_code_request(phone)
        return Step("code", saved(client), sent.phone_code_hash)

    return _with_client(endpoint, "", ask)


def give_code(endpoint: Endpoint, before: Step, phone: str, code: str) -> Step:
    """Give the code; where the account has a password, that is needed next."""

    async def give(client: Client) -> Step:
        request = functions.auth.SignInRequest(phone, before.code_hash, code)
        try:
            answer = await client(request)
        except errors.SessionPasswordNeededError:
            return Step("password", saved(client))
        if isinstance(answer, types.auth.AuthorizationSignUpRequired):
            raise SignInRefused(
                gettext_noop("nobody has signed up to Telegram with this phone number")
            )
        return Step("", saved(client), user_id=answer.user.id)

    return _with_client(endpoint, before.session, give)


def give_password(endpoint: Endpoint, before: Step, password: str) -> Step:
    """Give the password of the two-step verification."""

    async def give(client: Client) -> Step:
        user = await client.sign_in(password=password)
        return Step("", saved(client), user_id=user.id)

    return _with_client(endpoint, before.session, give)


def ask_qr(endpoint: Endpoint, session: str = "") -> Step:
    """
    Ask for a QR code, or, with the session of the one that was shown, whether it was scanned.

    Where it was not, or too late, the step has a code that is good now.
    """

    async def ask(client: Client) -> Step:
        return await _ask_qr(client, endpoint)

    step = _with_client(endpoint, session, ask)
    # A server may repeat the code that has expired: another session gets another one.
    return _with_client(endpoint, "", ask) if session and _is_over(step) else step


def by_qr(endpoint: Endpoint, show: Callable[[QrCode], None], *, seconds: float) -> Step:
    """
    Show QR codes until one is scanned, each as long as it is good.

    Raises SignInRefused after so many seconds.
    """
    ends = time.monotonic() + seconds

    async def wait(client: Client) -> Step:
        return await _shown(client, endpoint, show, ends)

    while True:
        step = _with_client(endpoint, "", wait, seconds=seconds + 60, updates=True)
        if step.needs != "qr":
            return step


async def _shown(
    client: Client, endpoint: Endpoint, show: Callable[[QrCode], None], ends: float
) -> Step:
    """Show the codes of one session until one is scanned, or the same code is given again."""
    scanned, last = asyncio.Event(), ""

    async def note(_update: object) -> None:
        scanned.set()

    client.add_event_handler(note, events.Raw(types.UpdateLoginToken))
    # Asked again also where nothing was heard of a scan: what Telegram says then may be lost.
    while (step := await _ask_qr(client, endpoint)).needs == "qr" and step.url != last:
        if (left := ends - time.monotonic()) <= 0:
            raise SignInRefused(gettext_noop("nobody scanned the QR code"))
        last, until = step.url, datetime.fromisoformat(step.expires_at)
        scanned.clear()
        show(QrCode(step.url, until))
        good = (until - datetime.now(UTC)).total_seconds()
        with suppress(TimeoutError):
            await asyncio.wait_for(scanned.wait(), min(max(_SHORTEST_SECONDS, good), left))
    return step


def _is_over(step: Step) -> bool:
    return step.needs == "qr" and datetime.fromisoformat(step.expires_at) <= datetime.now(UTC)


async def _ask_qr(client: Client, endpoint: Endpoint) -> Step:
    try:
        answer = await _login_token(client, endpoint)
    except errors.SessionPasswordNeededError:
        return Step("password", saved(client))
    if isinstance(answer, types.auth.LoginTokenSuccess):
        return Step("", saved(client), user_id=answer.authorization.user.id)
    token = base64.urlsafe_b64encode(answer.token).decode("ascii").rstrip("=")
    expires_at = _by_our_clock(client, answer.expires).isoformat()
    return Step("qr", saved(client), url=f"tg://login?token={token}", expires_at=expires_at)


async def _login_token(client: Client, endpoint: Endpoint) -> Any:
    request = functions.auth.ExportLoginTokenRequest(endpoint.api_id, endpoint.api_hash, [])
    answer = await client(request)
    if not isinstance(answer, types.auth.LoginTokenMigrateTo):
        return answer
    # The account lives in another data center: a private method, as Telethon's own way.
    await client._switch_dc(answer.dc_id)  # noqa: SLF001
    try:
        return await client(functions.auth.ImportLoginTokenRequest(answer.token))
    except _LATE:
        return await client(request)


def _by_our_clock(client: Client, expires: datetime) -> datetime:
    """When a code expires, where Telegram's clock and this host's differ."""
    state = client._sender._state  # noqa: SLF001 - Telethon knows by how much they differ
    until = expires - timedelta(seconds=state.time_offset)
    now = datetime.now(UTC)
    return max(now, min(until, now + MOST_QR_VALID))


def _with_client(
    endpoint: Endpoint,
    session: str,
    work: Callable[[Client], Awaitable[Result]],
    *,
    seconds: float = 120,
    updates: bool = False,
) -> Result:
    thread = LoopThread("telegram-sign-in")

    async def run() -> Result:
        client = make_client(endpoint, session)
        client._no_updates = not updates  # noqa: SLF001 - a QR code is confirmed by an update
        with _refused(), translated():
            await client.connect()
            try:
                return await work(client)
            finally:
                await client.disconnect()

    try:
        return thread.run(run(), timeout=seconds)
    finally:
        thread.close()


@contextmanager
def _refused() -> Iterator[None]:
    """Raise SignInRefused for what a person can put right."""
    try:
        yield
    except TelegramRefused as refused:
        kinds = [kind for kind in _REFUSALS if isinstance(refused.__context__, kind)]
        if not kinds:
            raise
        raise SignInRefused(_REFUSALS[kinds[0]]) from None
