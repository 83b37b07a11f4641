"""Requests to Telegram: paced, with short waits absorbed, and with refusals in our own words."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from telethon import errors

from media.sources.telegram.failures import (
    NO_ANSWER,
    NO_CONNECTION,
    REFUSED,
    UNKNOWN_CHANNEL,
    ChannelClosed,
    FloodWait,
    MethodWait,
    ReferenceUnknown,
    SignedOut,
    TelegramRefused,
    Unreachable,
)

Result = TypeVar("Result")
SHORT_WAIT_SECONDS: Final = 60
"""Waits up to this are slept in place; longer ones are for whoever asked."""
_ATTEMPTS: Final = 5
_CLOSED: Final = (
    errors.ChannelPrivateError, errors.ChannelInvalidError, errors.ChatForbiddenError,
    errors.UserBannedInChannelError, errors.ChatAdminRequiredError,
)  # fmt: skip
_UNKNOWN: Final = (
    errors.UsernameNotOccupiedError, errors.UsernameInvalidError, errors.InviteHashExpiredError,
    errors.InviteHashInvalidError, errors.InviteHashEmptyError, errors.PeerIdInvalidError,
)  # fmt: skip
_SIGNED_OUT: Final = (errors.UnauthorizedError, errors.AuthKeyError)


class Caller:
    """Sends the requests of one account, at most so many in a second."""

    def __init__(
        self, *, per_second: float, waited: Callable[[float], None] = lambda _: None
    ) -> None:
        at_once = max(1, int(per_second))
        self._turns: deque[float] = deque(maxlen=at_once)
        self._window = at_once / per_second
        self._waited = waited

    async def __call__(self, request: Callable[[], Awaitable[Result]]) -> Result:
        """Send; sleep a short flood wait and send again. Raises TelegramRefused."""
        for attempt in range(_ATTEMPTS):
            await self._turn()
            try:
                with translated():
                    return await request()
            except FloodWait as wait:
                if wait.seconds > SHORT_WAIT_SECONDS or attempt == _ATTEMPTS - 1:
                    raise
                await self.sleep(wait.seconds)
        raise AssertionError("unreachable")

    async def sleep(self, seconds: int) -> None:
        """Wait a little longer than Telegram asks for."""
        self._waited(seconds + 1)
        await asyncio.sleep(seconds + 1)

    async def _turn(self) -> None:
        """
        Wait for the next place in the row; the places are given in the order of the calls.

        What was not used lately may be used at once: a channel is asked for several things first.
        """
        now = asyncio.get_running_loop().time()
        is_full = len(self._turns) == self._turns.maxlen
        mine = max(now, self._turns[0] + self._window) if is_full else now
        self._turns.append(mine)
        if mine > now:
            await asyncio.sleep(mine - now)


@contextmanager
def waits_of(method: str) -> Iterator[None]:
    """Raise MethodWait for a wait that is about these requests alone."""
    try:
        yield
    except FloodWait as wait:
        raise MethodWait(method, wait.seconds) from None


@contextmanager
def translated() -> Iterator[None]:
    """Raise what Telethon raises in the words of the archive, without ids or texts of Telegram."""
    try:
        yield
    except errors.FloodError as flood:
        # Not only FloodWaitError: FloodPremiumWaitError is a wait as well.
        raise FloodWait(int(getattr(flood, "seconds", 0) or 0)) from None
    except _CLOSED as error:
        raise ChannelClosed(_name(error)) from None
    except _UNKNOWN as error:
        raise ReferenceUnknown(UNKNOWN_CHANNEL % {"why": _name(error)}) from None
    except _SIGNED_OUT:
        raise SignedOut from None
    except errors.RPCError as error:
        raise TelegramRefused(REFUSED % {"why": _name(error)}) from None
    except (TimeoutError, ConnectionError, OSError, asyncio.IncompleteReadError) as error:
        raise Unreachable(NO_CONNECTION % {"why": _name(error)}) from None
    except ValueError as error:  # Telethon's word for six server errors in a row, among others
        raise TelegramRefused(NO_ANSWER % {"why": _name(error)}) from None


def _name(error: Any) -> str:
    return type(error).__name__
