"""What Telegram refuses, in the words of the archive. No text has an id, a title or a number."""

from datetime import timedelta
from typing import Any, ClassVar, Final

from events.errors import DomainError
from events.sentences import Sentence, gettext_noop

JOIN: Final = "join"
RESOLVE: Final = "resolve"
LONGEST_SECONDS: Final = 10**9
"""Some thirty years: no wait that Telegram names is longer, and what is longer is no time at all."""
_DONE: Final = {
    JOIN: gettext_noop("joining channels"),
    RESOLVE: gettext_noop("looking up names of channels"),
}

_WAIT = Sentence(gettext_noop("Telegram asks to wait for %(time)s"))
_WAIT_WITH = Sentence(gettext_noop("Telegram asks to wait for %(time)s with %(what)s"))
_CLOSED = Sentence(gettext_noop("the channel cannot be read by this account (%(why)s)"))
UNKNOWN_CHANNEL = Sentence(gettext_noop("Telegram knows no such channel (%(why)s)"))
REFUSED = Sentence(gettext_noop("Telegram refused: %(why)s"))
NO_CONNECTION = Sentence(gettext_noop("no connection to Telegram (%(why)s)"))
NO_ANSWER = Sentence(gettext_noop("Telegram did not answer (%(why)s)"))
NO_CHANNEL = Sentence(
    gettext_noop(
        "%(text)s names no channel: write @name, https://t.me/name, an invite link or its id"
    )
)


class TelegramRefused(DomainError):
    """Telegram refused, or cannot be reached."""

    code: ClassVar[str] = "telegram_refused"
    http_status: ClassVar[int] = 502


class FloodWait(TelegramRefused):
    """Telegram wants no such request before `seconds` have passed."""

    code: ClassVar[str] = "flood_wait"
    http_status: ClassVar[int] = 503

    def __init__(self, seconds: int) -> None:
        seconds = max(0, min(seconds, LONGEST_SECONDS))
        super().__init__(_WAIT % {"time": timedelta(seconds=seconds)})
        self.seconds = seconds

    def context(self) -> dict[str, Any]:
        return {"seconds": self.seconds}


class MethodWait(TelegramRefused):
    """
    Telegram wants no such thing as `method` before `seconds` have passed; all else may be asked.

    `method` is JOIN or RESOLVE: both are asked seldom, and refused for hours or a day.
    """

    code: ClassVar[str] = "flood_wait"
    http_status: ClassVar[int] = 503

    def __init__(self, method: str, seconds: int) -> None:
        what, seconds = _DONE[method], max(0, min(seconds, LONGEST_SECONDS))
        super().__init__(_WAIT_WITH % {"time": timedelta(seconds=seconds), "what": what})
        self.method, self.seconds = method, seconds

    def context(self) -> dict[str, Any]:
        return {"method": self.method, "seconds": self.seconds}


class ChannelClosed(TelegramRefused):
    """The channel cannot be read by this account: it is private, gone, or the account was removed."""

    code: ClassVar[str] = "channel_closed"
    http_status: ClassVar[int] = 404

    def __init__(self, why: str = "private") -> None:
        super().__init__(_CLOSED % {"why": why})
        self.why = why


class ReferenceUnknown(TelegramRefused):
    """The name, id or link leads to no channel."""

    code: ClassVar[str] = "channel_unknown"
    http_status: ClassVar[int] = 404


class SignedOut(TelegramRefused):
    """The session of the account is not accepted any more."""

    code: ClassVar[str] = "signed_out"

    def __init__(self) -> None:
        super().__init__(
            gettext_noop(
                "Telegram does not accept the session of this account any more:"
                " sign in again with `manage.py telegram_login`"
            )
        )


class SignInRefused(TelegramRefused):
    """A phone number, code or password was not accepted."""

    code: ClassVar[str] = "sign_in_refused"
    http_status: ClassVar[int] = 400


class Unreachable(TelegramRefused):
    """No connection to Telegram."""

    code: ClassVar[str] = "telegram_unreachable"
    http_status: ClassVar[int] = 503


class DownloadFailed(TelegramRefused):
    """A file did not come whole."""

    code: ClassVar[str] = "download_failed"
