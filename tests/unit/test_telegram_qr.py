"""Signing in by a QR code: codes expire, are scanned at the last moment, and clocks differ."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from telethon import errors
from telethon.tl import functions, types

from media.sources.telegram import sign_in
from media.sources.telegram.endpoint import Endpoint
from media.sources.telegram.failures import SignInRefused

ENDPOINT = Endpoint(1, "0" * 32)
SUCCESS = types.auth.LoginTokenSuccess(SimpleNamespace(user=SimpleNamespace(id=5)))


def code(number: int, *, good_for: float = 30.0, ahead: float = 0.0):
    """A code of a server whose clock is so many seconds ahead."""
    until = datetime.now(UTC) + timedelta(seconds=good_for + ahead)
    return types.auth.LoginToken(until, bytes([number]))


class Client:
    """Gives the answers in their order; one that is an error is raised."""

    def __init__(self, answers, *, ahead: int = 0) -> None:
        self.answers, self.asked = list(answers), []
        self._sender = SimpleNamespace(_state=SimpleNamespace(time_offset=ahead))
        self.moved_to: list[int] = []
        self.told = lambda: None
        self.connections = 0

    async def __call__(self, request):
        self.asked.append(type(request))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def loop(self):
        return asyncio.get_running_loop()

    def add_event_handler(self, handler, _event) -> None:
        self.told = lambda: asyncio.ensure_future(handler(None))

    async def connect(self) -> None:
        self.connections += 1

    async def disconnect(self) -> None: ...

    async def _switch_dc(self, dc_id: int) -> None:
        self.moved_to.append(dc_id)


@pytest.fixture
def server(monkeypatch):
    def _(*answers, **more) -> Client:
        client = Client(answers, **more)
        monkeypatch.setattr(sign_in, "make_client", lambda *_: client)
        monkeypatch.setattr(sign_in, "saved", lambda _: "session")
        monkeypatch.setattr(sign_in, "_SHORTEST_SECONDS", 0.01)
        return client

    return _


def shown_by(*, seconds: float = 5.0):
    shown = []
    return shown, lambda: sign_in.by_qr(ENDPOINT, lambda c: shown.append(c.url), seconds=seconds)


def test_a_code_that_expires_is_followed_by_another_one(server):
    server(code(1, good_for=0), code(2, good_for=0), SUCCESS)
    shown, wait = shown_by()

    assert wait().user_id == 5
    assert shown == ["tg://login?token=AQ", "tg://login?token=Ag"]


def test_a_scan_is_heard_before_the_code_expires(server):
    client = server(code(1, good_for=30), SUCCESS)

    found = sign_in.by_qr(ENDPOINT, lambda _: client.loop.call_later(0.02, client.told), seconds=20)

    assert found.user_id == 5


@pytest.mark.parametrize(
    ("answer", "needs"),
    [(SUCCESS, ""), (errors.SessionPasswordNeededError(None), "password")],
    ids=["no password", "password"],
)
def test_one_that_was_scanned_as_it_expired_counts(server, answer, needs):
    """Nothing was heard of the scan: the next question says it, where another code was expected."""
    server(code(1, good_for=0), answer)
    _, wait = shown_by()

    assert wait().needs == needs


def test_a_server_that_repeats_an_expired_code_is_asked_by_another_session(server):
    """As piltover does: without that no code of the page could be scanned after the first one."""
    old = code(1, good_for=-1)
    server(old, code(2))
    assert sign_in.ask_qr(ENDPOINT, "session").url == "tg://login?token=Ag"

    client = server(code(1, good_for=0), old, code(3, good_for=0), SUCCESS)
    shown, wait = shown_by()
    assert wait().user_id == 5
    assert shown == ["tg://login?token=AQ", "tg://login?token=Aw"]
    assert client.connections == 2


def test_nobody_scans(server):
    server(*[code(n, good_for=0) for n in range(100)])
    _, wait = shown_by(seconds=0.05)

    with pytest.raises(SignInRefused, match="nobody scanned"):
        wait()


@pytest.mark.parametrize("ahead", [-7200, 0, 7200])
def test_until_when_it_is_good_is_said_by_the_clock_of_this_host(server, ahead):
    server(code(1, ahead=ahead), ahead=ahead)

    until = datetime.fromisoformat(sign_in.ask_qr(ENDPOINT).expires_at)

    assert timedelta(seconds=25) < until - datetime.now(UTC) <= timedelta(seconds=30)


@pytest.mark.parametrize("ahead", [-7200, 7200])
def test_a_clock_that_nobody_knows_of_does_no_harm(server, ahead):
    """Neither is a code asked for again and again, nor an old one shown for hours."""
    server(code(1, ahead=ahead), code(2, ahead=ahead))

    until = datetime.fromisoformat(sign_in.ask_qr(ENDPOINT, "session").expires_at)

    assert timedelta(seconds=-1) < until - datetime.now(UTC) <= sign_in.MOST_QR_VALID


def test_one_scanned_too_late_for_another_data_center_is_asked_for_anew(server):
    late = errors.AuthTokenExpiredError(None)
    client = server(types.auth.LoginTokenMigrateTo(4, b"token"), late, code(7))

    step = sign_in.ask_qr(ENDPOINT, "")

    assert (step.needs, step.url, client.moved_to) == ("qr", "tg://login?token=Bw", [4])
    export, bring = functions.auth.ExportLoginTokenRequest, functions.auth.ImportLoginTokenRequest
    assert client.asked == [export, bring, export]
